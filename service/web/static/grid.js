// The grid: many suspects at once, one decision for those selected, one undo for all of them.

import * as api from "./api.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { Desk, decisionOn } from "./desk.js";
import { endView, waitingView } from "./ending.js";
import { openExport } from "./export.js";
import { number, plural } from "./format.js";
import { openHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { pairPicker } from "./pairs.js";
import { filterBar, filterFromAddress, reviewHead } from "./reviewhead.js";
import { openSearch } from "./search.js";
import { Selection } from "./selection.js";
import { tile } from "./tiles.js";

const TILES = 60;
const PICTURE = 256;
const REMEMBERED = 20; // decisions on many that can be undone one by one

export async function show(main, { id }) {
  fill(main, waitingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Grid of ${dataset.name} · labelaudit`;
  if (audit.status !== "completed") {
    fill(main, reviewHead(dataset, id, "grid"), waitingView(audit));
    return;
  }
  new Grid(main, dataset, await api.get(`/v1/audits/${id}/summary`)).start();
}

class Grid {
  constructor(main, dataset, summary) {
    this.dataset = dataset;
    this.auditId = summary.audit_id;
    this.filter = filterFromAddress();
    this.items = new Map();
    this.desk = new Desk(summary, this.filter, {
      onLost: (item) => this.#lost(item),
      remembered: REMEMBERED,
      ahead: TILES,
      pictureSize: PICTURE,
    });
    this.queue = this.desk.queue;
    this.list = h("ul", {
      class: "tiles",
      role: "listbox",
      "aria-multiselectable": "true",
      "aria-label": "Suspects",
    });
    this.place = h("div", { class: "grid-place" }, this.list);
    this.bar = h("div", { class: "grid-bar", role: "toolbar", "aria-label": "Decide the selected" });
    this.selection = new Selection(this.list, { onChange: () => this.#drawBar() });
    fill(
      main,
      h(
        "div",
        { class: "review" },
        reviewHead(
          dataset,
          this.auditId,
          "grid",
          api.may("export") &&
            button("Export …", () => openExport(dataset), { class: "link-button" }),
          button("Keys (?)", openHelp, { class: "link-button" }),
        ),
        h(
          "div",
          { class: "review-strip" },
          h(
            "div",
            { class: "filters" },
            filterBar(this.filter, summary),
            pairPicker(this.auditId, this.filter),
          ),
          this.desk.tally.element,
        ),
        this.desk.notices,
        this.place,
        this.bar,
      ),
    );
  }

  async start() {
    this.desk.start();
    listenToKeys(
      this.place,
      (key) => this.#actOf(key),
      (key) => (key === "escape" ? () => this.selection.none() : null),
    );
    await this.#refill();
  }

  /** Fill the grid up to its size; what is there already keeps its place. */
  async #refill() {
    this.place.setAttribute("aria-busy", "true");
    this.queue.wanted = TILES - this.items.size;
    try {
      if (this.queue.wanted > 0) await this.queue.refill();
    } catch (problem) {
      if (!this.items.size) {
        fill(this.place, problemBox(problem, { actions: [this.#again()] }));
        return;
      }
    }
    for (let item; (item = this.queue.take());) {
      this.items.set(item.sample_id, item);
      this.list.append(tile(item));
    }
    this.place.removeAttribute("aria-busy");
    if (!this.items.size) return this.#end();
    if (!this.list.isConnected) fill(this.place, this.list);
    this.selection.refresh();
  }

  #again() {
    return button("Try again", () => this.#refill(), { class: "button primary" });
  }

  async #end() {
    await this.desk.outbox.flush();
    await this.desk.recount();
    fill(
      this.place,
      endView({
        tally: this.desk.tally,
        filter: this.filter,
        dataset: this.dataset,
        auditId: this.auditId,
        again: () => this.queue.release().then(() => this.#refill()),
        undo: this.desk.history.length ? () => this.undo() : null,
      }),
    );
    this.#drawBar();
    announce("Nothing is left to review here.");
  }

  #selected() {
    return [...this.items.values()].filter((item) => this.selection.ids.has(item.sample_id));
  }

  #drawBar() {
    const selected = this.#selected();
    const all = selected.length === this.items.size && selected.length > 0;
    const count = selected.length
      ? `${number(selected.length)} of ${number(this.items.size)} selected`
      : `${plural(this.items.size, "suspect")} here`;
    const act = (text, key, more, onClick, kind = "") =>
      h(
        "button",
        {
          type: "button",
          class: `button ${kind}`,
          "aria-keyshortcuts": key,
          "data-key": key,
          title: `${text} ${more}`,
          disabled: key === "u" ? !this.desk.history.length : !selected.length,
          on: { click: onClick },
        },
        h("kbd", { "aria-hidden": "true" }, key),
        text,
      );
    const focused = document.activeElement?.closest?.(".grid-bar [data-key]")?.dataset.key;
    this.bar.hidden = !this.items.size && !this.desk.history.length;
    fill(
      this.bar,
      h(
        "div",
        { class: "grid-count" },
        h("strong", { "aria-live": "polite" }, count),
        button(
          all ? "Select none" : "Select all",
          () => (all ? this.selection.none() : this.selection.all()),
          { class: "link-button", "data-key": "a", "aria-keyshortcuts": "a" },
        ),
      ),
      h(
        "div",
        { class: "grid-acts" },
        act(suggestionWords(selected), "1", "for every selected sample", () => this.#decide("accept_suggestion"), "primary"),
        act("Keep", "k", "the given labels", () => this.#decide("keep")),
        act("Other …", "/", "class for all of them", () => this.#search()),
        act("Exclude", "x", "them from the dataset", () => this.#decide("exclude")),
        act("Skip", "s", "and decide later", () => this.#decide("skip")),
        act("Undo", "u", "the last decision, for all it was taken for", () => this.undo()),
      ),
    );
    if (focused) this.bar.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  #search() {
    const [first] = this.#selected();
    if (!first) return this.#nothing();
    openSearch(this.dataset.class_names, first, (name) => this.#decide("relabel", name));
  }

  #nothing() {
    announce("Nothing is selected. Press a to select all.");
  }

  #decide(verdict, label) {
    const chosen = this.#selected();
    if (!chosen.length) return this.#nothing();
    const decisions = chosen.map((item) => decisionOn(item, verdict, label));
    for (const { item } of decisions) {
      this.items.delete(item.sample_id);
      this.#tileOf(item)?.remove();
    }
    this.desk.decide(decisions);
    announce(`${plural(chosen.length, "sample")}: ${said(verdict, label)}.`);
    this.selection.none();
    this.#refill();
  }

  undo() {
    const undone = this.desk.undo();
    if (!undone) return announce("Nothing to undo.");
    for (const { item } of undone.toReversed()) {
      this.items.set(item.sample_id, item);
      this.list.prepend(tile(item));
    }
    if (!this.list.isConnected) fill(this.place, this.list);
    this.selection.refresh();
    this.selection.only(undone.map(({ item }) => item.sample_id));
    announce(`Undone: ${plural(undone.length, "sample")}.`);
  }

  #tileOf(item) {
    return this.list.querySelector(`[data-id="${CSS.escape(item.sample_id)}"]`);
  }

  #lost(item) {
    this.items.delete(item.sample_id);
    this.#tileOf(item)?.remove();
    this.selection.refresh();
  }

  #actOf(key) {
    return {
      1: () => this.#decide("accept_suggestion"),
      k: () => this.#decide("keep"),
      x: () => this.#decide("exclude"),
      s: () => this.#decide("skip"),
      u: () => this.undo(),
      a: () => this.selection.all(),
      "/": () => this.#search(),
    }[key];
  }
}

function suggestionWords(selected) {
  const labels = new Set(selected.map((item) => item.suggested_label ?? item.predicted_label));
  const [only] = labels;
  return labels.size === 1 && only.length <= 24 ? `Change to ${only}` : "Accept suggestions";
}

const said = (verdict, label) =>
  ({
    keep: "kept",
    accept_suggestion: "suggestions accepted",
    exclude: "excluded",
    skip: "skipped",
  })[verdict] ?? `changed to ${label}`;

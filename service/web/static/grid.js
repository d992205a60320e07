// The grid: many suspects at once, one decision for those selected, one undo for all of them.

import * as api from "./api.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { endView, waitingView } from "./ending.js";
import { openExport } from "./export.js";
import { number, plural } from "./format.js";
import { openHelp, shortcutsOn } from "./help.js";
import { notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { pairPicker } from "./pairs.js";
import { Queue } from "./queue.js";
import { filterBar, filterFromAddress, reviewHead } from "./reviewhead.js";
import { forgetPicture } from "./sample.js";
import { openSearch } from "./search.js";
import { Selection } from "./selection.js";
import { Tally } from "./tally.js";
import { tile } from "./tiles.js";

const TILES = 60;
const PICTURE = 256;

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
    this.history = [];
    this.tally = new Tally(this.auditId);
    this.tally.set(summary);
    this.queue = new Queue(this.auditId, this.filter, {
      onLost: (item) => this.#lost(item),
      ahead: TILES,
      pictureSize: PICTURE,
    });
    this.outbox = new Outbox(this.auditId, { onChange: () => notices(this.notices, this.outbox) });
    this.notices = h("div", { class: "notices" });
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
          this.tally.element,
        ),
        this.notices,
        this.place,
        this.bar,
      ),
    );
  }

  async start() {
    document.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("pagehide", () => {
      this.outbox.leave();
      this.queue.release();
    });
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    notices(this.notices, this.outbox);
    this.outbox.flush();
    this.tally.readLog().catch(() => {});
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
    await this.outbox.flush();
    try {
      this.tally.set(await api.get(`/v1/audits/${this.auditId}/summary`));
    } catch {
      // the counts as they stand here are near enough
    }
    fill(
      this.place,
      endView({
        tally: this.tally,
        filter: this.filter,
        dataset: this.dataset,
        auditId: this.auditId,
        again: () => this.queue.release().then(() => this.#refill()),
        undo: this.history.length ? () => this.undo() : null,
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
          disabled: key !== "u" && !selected.length,
          on: { click: onClick },
        },
        h("kbd", { "aria-hidden": "true" }, key),
        text,
      );
    const focused = document.activeElement?.closest?.(".grid-bar [data-key]")?.dataset.key;
    this.bar.hidden = !this.items.size && !this.history.length;
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
    const corrections = decisions.map(({ item, verdict: kind, label: name }) => {
      const correction = { sample_id: item.sample_id, verdict: kind };
      if (kind === "relabel") correction.corrected_label = name;
      if (item.lease) correction.lease_id = item.lease.lease_id;
      return correction;
    });
    for (const { item, verdict: kind, label: name } of decisions) {
      this.queue.forget(item);
      this.items.delete(item.sample_id);
      this.#tileOf(item)?.remove();
      this.tally.count(item, kind, name, 1);
    }
    this.history.push({ decisions, operation: this.outbox.submit(...corrections) });
    if (this.history.length > 20)
      this.history.shift().decisions.forEach(({ item }) => forgetPicture(item));
    announce(`${plural(chosen.length, "sample")}: ${said(verdict, label)}.`);
    this.selection.none();
    this.#refill();
  }

  undo() {
    const last = this.history.pop();
    if (!last) return announce("Nothing to undo.");
    const unsent = this.outbox.undo(last.operation);
    for (const { item, verdict, label } of last.decisions.toReversed()) {
      if (unsent) this.queue.keep(item);
      else item.lease = null; // given up when the decision was stored
      this.tally.count(item, verdict, label, -1);
      this.items.set(item.sample_id, item);
      this.list.prepend(tile(item));
    }
    if (!this.list.isConnected) fill(this.place, this.list);
    this.selection.refresh();
    this.selection.only(last.decisions.map(({ item }) => item.sample_id));
    announce(`Undone: ${plural(last.decisions.length, "sample")}.`);
  }

  #tileOf(item) {
    return this.list.querySelector(`[data-id="${CSS.escape(item.sample_id)}"]`);
  }

  #lost(item) {
    this.items.delete(item.sample_id);
    this.#tileOf(item)?.remove();
    this.selection.refresh();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (!this.place.isConnected || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input:not([type=range]), textarea, select")) return;
    if (event.key === "?") return openHelp();
    if (event.key === "Escape") return this.selection.none();
    if (!shortcutsOn()) return;
    const act = {
      1: () => this.#decide("accept_suggestion"),
      k: () => this.#decide("keep"),
      x: () => this.#decide("exclude"),
      s: () => this.#decide("skip"),
      u: () => this.undo(),
      a: () => this.selection.all(),
      "/": () => this.#search(),
    }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

/** The verdict on one of many: a label that an item has already is kept, its suggestion accepted,
    and where there is no suggestion the models' own class stands in for it. */
function decisionOn(item, verdict, label) {
  if (verdict === "accept_suggestion" && item.suggested_label === null) {
    return decisionOn(item, "relabel", item.predicted_label);
  }
  if (verdict === "relabel" && label === item.given_label) return { item, verdict: "keep", label };
  if (verdict === "relabel" && label === item.suggested_label) {
    return { item, verdict: "accept_suggestion", label };
  }
  const after = { keep: item.given_label, accept_suggestion: item.suggested_label }[verdict];
  return { item, verdict, label: after ?? label ?? null };
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

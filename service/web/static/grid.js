// The grid: many suspects at once, one decision for all that are selected, one undo for that decision.

import * as api from "./api.js";
import { classPairFilter } from "./class-pairs.js";
import { openClassSearch } from "./class-search.js";
import { announce, button, fill, find, h } from "./dom.js";
import { endOfQueueView, loadingView, queueProblem } from "./empty-state.js";
import { exportButton } from "./export-button.js";
import { number, plural } from "./format.js";
import { openHelp } from "./help.js";
import { NOTHING_TO_UNDO, tell } from "./message.js";
import { queueAddress } from "./queue-address.js";
import { filterBar, filterFromAddress, openFilterDialog, reviewHead } from "./review-head.js";
import { decisionOn, ReviewSession, wasRecentOpen } from "./review-session.js";
import { Selection } from "./selection.js";
import { listenForShortcuts } from "./shortcuts.js";
import { THUMBNAIL_PIXELS, thumbnail } from "./thumbnails.js";

const GRID_SIZE = 60;
const UNDO_LIMIT = 20;
const DIGITS = "1234567890";

/**
 * @param {HTMLElement} main
 * @param {{ id: string }} options
 */
export async function show(main, { id }) {
  fill(main, loadingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Grid of ${dataset.name} · labelaudit`;
  if (audit.status !== "completed") {
    const { showUnfinished } = await import("./unfinished.js");
    return showUnfinished(main, reviewHead(dataset, id, "grid"), audit);
  }
  new Grid(main, dataset, await api.get(`/v1/audits/${id}/summary`)).start();
}

class Grid {
  /**
   * @param {HTMLElement} main
   * @param {Dataset} dataset
   * @param {Summary} summary
   */
  constructor(main, dataset, summary) {
    this.dataset = dataset;
    this.auditId = summary.audit_id;
    this.summary = summary;
    this.filter = filterFromAddress();
    this.items = new Map();
    this.session = new ReviewSession(summary, this.filter, {
      onLeaseLost: (item) => this.#leaseLost(item),
      undoLimit: UNDO_LIMIT,
      ahead: GRID_SIZE,
      imageSize: THUMBNAIL_PIXELS,
    });
    this.queue = this.session.queue;
    this.list = h("ul", {
      class: "thumbnails",
      role: "listbox",
      "aria-multiselectable": "true",
      "aria-label": "Suspects",
    });
    this.content = h("div", { class: "grid-content" }, this.list);
    this.bar = h("div", {
      class: "grid-bar",
      role: "toolbar",
      "aria-label": "Actions for the selected samples",
    });
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
          exportButton(dataset, "Export …", "link-button"),
          button("Guidelines (g)", () => this.#openGuidelines(), { class: "link-button" }),
          button("Recent (r)", () => this.#openRecent(), { class: "link-button" }),
          button("Shortcuts (?)", openHelp, { class: "link-button" }),
        ),
        h(
          "div",
          { class: "review-strip" },
          h(
            "div",
            { class: "filters" },
            filterBar(this.filter, summary),
            classPairFilter(this.auditId, this.filter),
          ),
          this.session.counters.element,
        ),
        this.session.notices,
        this.content,
        this.bar,
      ),
    );
  }

  async start() {
    this.session.start();
    listenForShortcuts(
      this.content,
      (key) => this.#actionOf(key),
      (key) => (key === "escape" ? () => this.selection.none() : null),
    );
    await this.#refill();
    if (wasRecentOpen(this.auditId)) this.#openRecent();
  }

  async #openGuidelines() {
    const { openGuidelines } = await import("./guidelines.js");
    await openGuidelines(this.dataset, null);
  }

  #openRecent() {
    return this.session.openRecent({
      open: ({ sample_id: sample }) => location.assign(queueAddress(this.auditId, { sample })),
      changed: () => this.#refill(),
    });
  }

  /** Fill the grid up; samples already shown keep their place. */
  async #refill() {
    this.content.setAttribute("aria-busy", "true");
    this.queue.target = GRID_SIZE - this.items.size;
    try {
      if (this.queue.target > 0) await this.queue.refill();
    } catch (problem) {
      if (!this.items.size) {
        fill(
          this.content,
          queueProblem(problem, this.auditId, () => this.#refill()),
        );
        return;
      }
    }
    for (let item = this.queue.take(); item; item = this.queue.take()) {
      this.items.set(item.sample_id, item);
      this.list.append(thumbnail(item));
    }
    this.content.removeAttribute("aria-busy");
    if (!this.items.size) return this.#end();
    if (!this.list.isConnected) fill(this.content, this.list);
    this.selection.refresh();
  }

  async #end() {
    await this.session.outbox.flush();
    await this.session.recount();
    fill(
      this.content,
      endOfQueueView({
        counters: this.session.counters,
        filter: this.filter,
        dataset: this.dataset,
        auditId: this.auditId,
        refresh: () => this.queue.release().then(() => this.#refill()),
        undo: this.session.history.length ? () => this.undo() : null,
      }),
    );
    this.#drawBar();
    announce("There is nothing left to review here.");
  }

  #selected() {
    return [...this.items.values()].filter((item) => this.selection.ids.has(item.sample_id));
  }

  #drawBar() {
    const selected = this.#selected();
    const all = selected.length === this.items.size && selected.length > 0;
    const count = selected.length
      ? `${number(selected.length)} of ${number(this.items.size)} selected`
      : plural(this.items.size, "suspect");
    /**
     * @param {string} text
     * @param {string} key
     * @param {string} detail
     * @param {() => unknown} onClick
     */
    const action = (text, key, detail, onClick, kind = "") =>
      h(
        "button",
        {
          type: "button",
          class: `button ${kind}`,
          "aria-keyshortcuts": key,
          "data-key": key,
          title: `${text} ${detail}`,
          disabled: key === "u" ? !this.session.history.length : !selected.length,
          on: { click: onClick },
        },
        h("kbd", { "aria-hidden": "true" }, key),
        text,
      );
    const focused = document.activeElement
      ?.closest?.(".grid-bar [data-key]")
      ?.getAttribute("data-key");
    this.bar.hidden = !this.items.size && !this.session.history.length;
    fill(
      this.bar,
      h(
        "div",
        { class: "grid-count" },
        h("strong", { "aria-live": "polite" }, count),
        button(
          all ? "Select none" : "Select all",
          () => (all ? this.selection.none() : this.selection.all()),
          { class: "link-button", "data-key": "e", "aria-keyshortcuts": "e" },
        ),
      ),
      h(
        "div",
        { class: "grid-actions" },
        action(
          acceptTitle(selected),
          "a",
          "for each selected sample",
          () => this.#decide("accept_suggestion"),
          "primary",
        ),
        action("Keep", "k", "the given labels", () => this.#decide("keep")),
        action("Relabel …", "/", "all selected samples", () => this.#search()),
        action("Exclude", "x", "from the dataset", () => this.#decide("exclude")),
        action("Skip", "s", "and decide later", () => this.#decide("skip")),
        action("Undo", "u", "the last decision, for all its samples", () => this.undo()),
      ),
    );
    if (focused) find(this.bar, `[data-key="${focused}"]`)?.focus();
  }

  #search() {
    const [first] = this.#selected();
    if (!first) return this.#announceNoSelection();
    openClassSearch(this.dataset.class_names, first, (name) => this.#decide("relabel", name));
  }

  #announceNoSelection() {
    tell("No sample is selected. Click samples, or press E to select all.");
  }

  /**
   * @param {Api.Verdict} verdict
   * @param {string | null} [label]
   */
  #decide(verdict, label) {
    const chosen = this.#selected();
    if (!chosen.length) return this.#announceNoSelection();
    const decisions = chosen.map((item) => decisionOn(item, verdict, label));
    for (const { item } of decisions) {
      this.items.delete(item.sample_id);
      this.#thumbnailOf(item)?.remove();
    }
    this.session.decide(decisions);
    announce(`${plural(chosen.length, "sample")}: ${describe(verdict, label)}.`);
    this.selection.none();
    this.#refill();
  }

  undo() {
    const undone = this.session.undo();
    if (!undone) {
      return tell(NOTHING_TO_UNDO, { title: "Earlier decisions", act: () => this.#openRecent() });
    }
    for (const { item } of undone.toReversed()) {
      this.items.set(item.sample_id, item);
      this.list.prepend(thumbnail(item));
    }
    if (!this.list.isConnected) fill(this.content, this.list);
    this.selection.refresh();
    this.selection.only(undone.map(({ item }) => item.sample_id));
    announce(`Undone: ${plural(undone.length, "sample")}.`);
  }

  /** @param {Suspect} item */
  #thumbnailOf(item) {
    return this.list.querySelector(`[data-id="${CSS.escape(item.sample_id)}"]`);
  }

  /** @param {Suspect} item */
  #leaseLost(item) {
    this.items.delete(item.sample_id);
    this.#thumbnailOf(item)?.remove();
    this.selection.refresh();
  }

  /** @param {string} key */
  #actionOf(key) {
    /** @type {Record<string, () => unknown>} */
    const actions = {
      a: () => this.#decide("accept_suggestion"),
      k: () => this.#decide("keep"),
      x: () => this.#decide("exclude"),
      s: () => this.#decide("skip"),
      u: () => this.undo(),
      e: () => this.selection.all(),
      r: () => this.#openRecent(),
      g: () => this.#openGuidelines(),
      f: () => openFilterDialog(this.filter, this.summary),
      "/": () => this.#search(),
    };
    return /^[0-9]$/.test(key) ? () => this.#relabelByDigit(key) : actions[key];
  }

  /**
   * A digit has a fixed class only where every class has a digit.
   * @param {string} digit
   */
  #relabelByDigit(digit) {
    const names = this.dataset.class_names;
    if (!this.selection.ids.size) return this.#announceNoSelection();
    if (names.length > DIGITS.length) {
      return tell(`There are ${number(names.length)} classes: press / to choose one.`);
    }
    const name = names[DIGITS.indexOf(digit)];
    if (name === undefined) {
      return tell(`There are only ${plural(names.length, "class", "classes")}.`);
    }
    return this.#decide("relabel", name);
  }
}

/** @param {Suspect[]} selected */
function acceptTitle(selected) {
  const labels = new Set(selected.map((item) => item.suggested_label ?? item.predicted_label));
  const [only] = labels;
  return labels.size === 1 && only.length <= 24 ? `Change to ${only}` : "Accept suggestions";
}

/** @type {Record<string, string>} */
const OUTCOMES = {
  keep: "kept",
  accept_suggestion: "suggestions accepted",
  exclude: "excluded",
  skip: "skipped",
};

/**
 * @param {Api.Verdict} verdict
 * @param {string | null} [label]
 */
const describe = (verdict, label) => OUTCOMES[verdict] ?? `changed to ${label}`;

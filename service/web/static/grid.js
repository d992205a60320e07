// The grid: many suspects at once, one decision for all that are selected, one undo for that decision.

import { classPairFilter } from "./class-pairs.js";
import { openClassSearch } from "./class-search.js";
import { completedAudit } from "./completed-audit.js";
import { announce, button, fill, h } from "./dom.js";
import { endOfQueueView, queueProblem } from "./empty-state.js";
import { exportButton } from "./export-button.js";
import { number, plural } from "./format.js";
import { drawGridBar, gridBar } from "./grid-bar.js";
import { openHelp } from "./help.js";
import { NOTHING_TO_UNDO, tell } from "./message.js";
import { similarAddress } from "./neighbours.js";
import { queueAddress } from "./queue-address.js";
import { filterBar, filterFromAddress, openFilterDialog, reviewHead } from "./review-head.js";
import { decisionOn, ReviewSession, wasRecentOpen } from "./review-session.js";
import { Selection } from "./selection.js";
import { listenForShortcuts } from "./shortcuts.js";
import { outcomeOfMany } from "./spoken.js";
import { THUMBNAIL_PIXELS, thumbnail } from "./thumbnails.js";

const GRID_SIZE = 60;
const UNDO_LIMIT = 20;
const SIMILAR_PIXELS = 512;
const DIGITS = "1234567890";

/**
 * @param {HTMLElement} main
 * @param {{ id: string }} options
 */
export async function show(main, { id }) {
  const found = await completedAudit(main, id, "grid", "Grid of");
  if (found) new Grid(main, found.dataset, found.summary).start();
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
      onSaved: () => this.similar?.refresh(),
      undoLimit: UNDO_LIMIT,
      ahead: GRID_SIZE,
      imageSize: this.filter.similar_to ? SIMILAR_PIXELS : THUMBNAIL_PIXELS,
    });
    this.queue = this.session.queue;
    this.list = h("ul", {
      class: "thumbnails",
      role: "listbox",
      "aria-multiselectable": "true",
      "aria-label": "Suspects",
    });
    this.content = h("div", { class: "grid-content" }, this.list);
    this.bar = gridBar();
    /** @type {import("./similar.js").Similar | null} */
    this.similar = null;
    this.above = h("div", { class: "grid-above", hidden: true });
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
        this.above,
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
    await this.#showSimilar();
    await this.#refill();
    if (wasRecentOpen(this.auditId)) this.#openRecent();
  }

  /** Above the grid of similar samples: what they resemble, and those that are decided. */
  async #showSimilar() {
    if (this.filter.similar_to === undefined) return;
    const { Similar } = await import("./similar.js");
    this.similar = new Similar(this.auditId, this.filter.similar_to);
    this.list.classList.add("large");
    fill(this.above, this.similar.element).hidden = false;
    await this.similar.refresh();
  }

  #openSimilar() {
    const [only, ...others] = this.#selected();
    if (!only || others.length) tell("Select one sample to see those similar to it.");
    else this.session.leaveFor(similarAddress(this.auditId, only.sample_id));
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
    const taken = [];
    for (let item = this.queue.take(); item; item = this.queue.take()) taken.push(item);
    for (const item of this.similar?.sorted(taken) ?? taken) {
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
    drawGridBar(this.bar, {
      selected: this.#selected(),
      total: this.items.size,
      mayUndo: this.session.history.length > 0,
      selectAll: () => this.selection.all(),
      selectNone: () => this.selection.none(),
      decide: (verdict) => this.#decide(verdict),
      search: () => this.#search(),
      undo: () => this.undo(),
    });
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
    announce(`${plural(chosen.length, "sample")}: ${outcomeOfMany(verdict, label)}.`);
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
      m: () => this.#openSimilar(),
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

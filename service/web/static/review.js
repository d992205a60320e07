// The review view: one sample at a time, decided with one key, the next one already loaded.

import * as api from "./api.js";
import { openClassSearch } from "./class-search.js";
import { completedAudit } from "./completed-audit.js";
import { choicesOf, decisionPanel, evidencePanel } from "./decision.js";
import { announce, button, fill, find, h } from "./dom.js";
import { endOfQueueView, loadingView, queueProblem } from "./empty-state.js";
import { exportButton } from "./export-button.js";
import { openHelp } from "./help.js";
import { NOTHING_TO_UNDO, tell } from "./message.js";
import { similarAddress } from "./neighbours.js";
import {
  filterBar,
  filterFromAddress,
  limits,
  openFilterDialog,
  reviewHead,
} from "./review-head.js";
import { decisionOn, ReviewSession, wasRecentOpen } from "./review-session.js";
import { sampleView } from "./sample.js";
import { listenForShortcuts } from "./shortcuts.js";
import { outcomeOfOne, sampleInWords } from "./spoken.js";

/** @type {Api.QueueNext["include"]} */
const INCLUDED = ["trajectory", "neighbours"];
const UNDO_LIMIT = 100;
const NO_NEIGHBOURS =
  "This audit kept no nearest samples: it trained on pixels, or was given predictions.";
const REFRESH_MS = 30_000;

/**
 * @param {HTMLElement} main
 * @param {{ id: string }} options
 */
export async function show(main, { id }) {
  const found = await completedAudit(main, id, "review", "Review");
  if (found) new Review(main, found.dataset, found.summary).start();
}

class Review {
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
    /** @type {Suspect | null} */
    this.current = null;
    this.session = new ReviewSession(summary, this.filter, {
      onLeaseLost: (item) => this.#leaseLost(item),
      include: INCLUDED,
      undoLimit: UNDO_LIMIT,
    });
    this.queue = this.session.queue;
    this.stage = h("div", { class: "stage" });
    fill(
      main,
      h(
        "div",
        { class: "review" },
        reviewHead(
          dataset,
          this.auditId,
          "review",
          exportButton(dataset, "Export …", "link-button"),
          button("Guidelines (g)", () => this.#openGuidelines(), { class: "link-button" }),
          button("Recent (r)", () => this.#openRecent(), { class: "link-button" }),
          button("History (h)", () => this.#openHistory(), { class: "link-button" }),
          button("Shortcuts (?)", openHelp, { class: "link-button" }),
        ),
        h(
          "div",
          { class: "review-strip" },
          filterBar(this.filter, summary),
          this.session.counters.element,
        ),
        limits(summary, this.auditId),
        this.session.notices,
        this.stage,
      ),
    );
  }

  async start() {
    this.session.start();
    listenForShortcuts(this.stage, (key) => this.#actionOf(key));
    setInterval(() => {
      if (!document.hidden && !this.session.outbox.operations.length) this.session.recount();
    }, REFRESH_MS);
    const sampleId = new URLSearchParams(location.search).get("sample");
    if (sampleId === null) await this.#next();
    else await this.#open(sampleId);
    if (wasRecentOpen(this.auditId)) this.#openRecent();
  }

  async #openGuidelines() {
    const { openGuidelines } = await import("./guidelines.js");
    await openGuidelines(this.dataset, this.current);
  }

  #openRecent() {
    return this.session.openRecent({
      open: ({ sample_id: id, id: correction, standing }) =>
        this.#open(id, standing === "current" ? correction : undefined),
      changed: ({ sample_id: id }) =>
        id === this.current?.sample_id ? this.#open(id) : (this.current ?? this.#next()),
    });
  }

  /**
   * Show the sample with this ID, decided or not; the queue continues after it.
   * @param {string} sampleId
   * @param {string} [ownDecision] the correction that another verdict of this person replaces
   */
  async #open(sampleId, ownDecision) {
    if (this.current?.lease) this.queue.putBack(this.current);
    this.current = null;
    const path = `/v1/audits/${this.auditId}/suspects/${encodeURIComponent(sampleId)}`;
    try {
      this.current = /** @type {Suspect} */ (await api.get(path, { query: { include: INCLUDED } }));
      this.current.ownDecision = ownDecision;
    } catch (problem) {
      const again = () => this.#open(sampleId, ownDecision);
      fill(this.stage, queueProblem(problem, this.auditId, again));
      return;
    }
    this.queue.shown.set(this.current.sample_id, this.current); // so that the queue does not show it again
    this.#draw();
    this.#refillBehind();
  }

  async #next() {
    this.current = this.queue.take();
    if (this.current) {
      this.#draw();
      this.#refillBehind();
      return;
    }
    fill(this.stage, loadingView());
    try {
      await this.queue.refill();
    } catch (problem) {
      fill(
        this.stage,
        queueProblem(problem, this.auditId, () => this.#next()),
      );
      return;
    }
    this.current = this.queue.take();
    if (this.current) this.#draw();
    else await this.#end();
  }

  #refillBehind() {
    if (this.queue.exhausted && this.queue.ahead.length) return;
    this.queue.refill().catch(() => {}); // retried, and reported, once none is left here
  }

  async #end() {
    await this.session.outbox.flush();
    await this.session.recount();
    fill(
      this.stage,
      endOfQueueView({
        counters: this.session.counters,
        filter: this.filter,
        dataset: this.dataset,
        auditId: this.auditId,
        refresh: () => this.queue.release().then(() => this.#next()),
        undo: this.session.history.length ? () => this.undo() : null,
      }),
    );
    announce("End of the queue. There is nothing left to review here.");
  }

  #draw() {
    const item = this.current;
    if (!item) return;
    const focused = document.activeElement?.getAttribute("data-key");
    this.choices = choicesOf(item, this.dataset.class_names);
    fill(
      this.stage,
      h("section", { class: "sample", "aria-label": "Sample", tabindex: "-1" }, sampleView(item)),
      decisionPanel(item, this.choices, (verdict, label) => this.act(verdict, label)),
      evidencePanel(this.auditId, item, this.dataset.class_names, {
        similar: () => this.#openSimilar(),
        typical: () => this.#openTypical(),
      }),
    );
    // Keyboard focus stays on the same button from sample to sample.
    if (focused)
      find(this.stage, `[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.#announce(sampleInWords(item));
  }

  /** @param {string} text */
  #announce(text) {
    announce(this.announcement ? `${this.announcement} ${text}` : text);
    this.announcement = "";
  }

  /**
   * @param {Api.Verdict | "search" | "undo"} verdict
   * @param {string | null} [label]
   */
  act(verdict, label) {
    if (verdict === "undo") return this.undo();
    if (!this.current) return undefined;
    if (verdict === "search") {
      return openClassSearch(this.dataset.class_names, this.current, (name) => this.#choose(name));
    }
    return this.#decide(verdict, label ?? null);
  }

  /** @param {string} name */
  #choose(name) {
    if (!this.current) return;
    const { verdict, label } = decisionOn(this.current, "relabel", name);
    this.#decide(verdict, label);
  }

  /**
   * @param {Api.Verdict} verdict
   * @param {string | null} label
   */
  #decide(verdict, label) {
    if (!this.current) return;
    this.session.decide([{ item: this.current, verdict, label }]);
    this.announcement = outcomeOfOne(verdict, label);
    this.#next();
  }

  undo() {
    const undone = this.session.undo();
    if (!undone)
      return tell(NOTHING_TO_UNDO, { title: "Earlier decisions", act: () => this.#openRecent() });
    this.queue.putBack(this.current);
    this.current = undone[0].item;
    this.announcement = "Undone.";
    return this.#draw();
  }

  #acceptSuggestion() {
    const suggestion = this.current?.suggested_label;
    if (suggestion) return this.act("accept_suggestion", suggestion);
    return tell("There is no suggestion to accept. Choose a class by its key, or press /.");
  }

  /** @param {Suspect} item */
  #leaseLost(item) {
    if (item !== this.current) return;
    item.lease = null;
    announce("Your lease on this sample expired. Somebody else may decide it too.");
  }

  async #openHistory() {
    if (!this.current) return;
    const { openSampleHistory } = await import("./sample-history.js");
    openSampleHistory(this.dataset.id, this.current.sample_id);
  }

  #openSimilar() {
    if (!this.current) return;
    if (!this.current.neighbours?.length) tell(NO_NEIGHBOURS);
    else this.session.leaveFor(similarAddress(this.auditId, this.current.sample_id));
  }

  async #openTypical() {
    if (this.current) (await import("./typical.js")).openTypical(this.auditId, this.current);
  }

  /** @param {string} key */
  #actionOf(key) {
    const choice = this.choices?.find((one) => one.key === key);
    if (choice) return () => this.act(choice.verdict, choice.label);
    /** @type {Record<string, () => unknown>} */
    const actions = {
      a: () => this.#acceptSuggestion(),
      k: () => this.act("keep", this.current?.given_label),
      x: () => this.act("exclude", null),
      s: () => this.act("skip", null),
      u: () => this.undo(),
      h: () => this.#openHistory(),
      r: () => this.#openRecent(),
      g: () => this.#openGuidelines(),
      n: () => find(this.stage, "#note")?.focus(),
      t: () => this.#openTypical(),
      m: () => this.#openSimilar(),
      f: () => openFilterDialog(this.filter, this.summary),
      "/": () => this.act("search"),
    };
    return actions[key];
  }
}

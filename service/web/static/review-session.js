// What review and grid share: the leased samples, the decisions being saved, the counters, and undo.

import * as api from "./api.js";
import { Counters } from "./counters.js";
import { announce, h } from "./dom.js";
import { drawNotices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { releaseImage } from "./sample.js";

export class ReviewSession {
  /**
   * `summary`: the answer of GET …/summary. `undoLimit`: how many decisions can be undone.
   * @param {Summary} summary
   * @param {Filter} filter
   * @param {QueueOptions & { undoLimit: number }} options
   */
  constructor(summary, filter, { undoLimit, ...queueOptions }) {
    this.auditId = summary.audit_id;
    this.filter = filter;
    this.undoLimit = undoLimit;
    /** @type {Array<{ decisions: Decision[], operation: Operation }>} */
    this.history = [];
    this.counters = new Counters(this.auditId);
    this.counters.set(summary);
    this.queue = new Queue(this.auditId, filter, queueOptions);
    this.notices = h("div", { class: "notices" });
    this.outbox = new Outbox(this.auditId, {
      onChange: () => drawNotices(this.notices, this.outbox),
      onNothingToUndo: () => {
        announce("Nothing to undo: the decision was already undone.");
        this.recount();
      },
    });
  }

  start() {
    window.addEventListener("pagehide", () => {
      this.outbox.sendOnUnload();
      this.queue.release();
    });
    // A page restored from the browser's cache holds no lease any more.
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    window.addEventListener(
      "beforeunload",
      (event) => this.outbox.connectionProblem && event.preventDefault(),
    );
    drawNotices(this.notices, this.outbox);
    this.outbox.flush();
    this.counters.addFindings().catch(() => {});
  }

  /**
   * Save decisions {item, verdict, label}: all or none of them, and one undo reverts them all.
   * @param {Decision[]} decisions
   */
  decide(decisions) {
    for (const { item, verdict, label } of decisions) {
      this.queue.removeLease(item);
      this.counters.count(item, verdict, label, 1);
    }
    const operation = this.outbox.submit(...decisions.map(correctionOf));
    this.history.push({ decisions, operation });
    if (this.history.length > this.undoLimit) {
      for (const { item } of this.history.shift()?.decisions ?? []) releaseImage(item);
    }
  }

  /** Undo the last call of `decide`; returns its decisions, or null. */
  undo() {
    const last = this.history.pop();
    if (!last) return null;
    const unsent = this.outbox.undo(last.operation);
    for (const { item, verdict, label } of last.decisions) {
      if (unsent) this.queue.addLease(item);
      else item.lease = null; // released when the decision was stored
      this.counters.count(item, verdict, label, -1);
    }
    return last.decisions;
  }

  /** Counts from the server, unless decisions are still being saved. */
  async recount() {
    try {
      const summary = await api.get(`/v1/audits/${this.auditId}/summary`);
      if (!this.outbox.operations.length) this.counters.set(summary);
    } catch {
      // the counts of this page are close enough
    }
  }
}

/** @param {Decision} options */
function correctionOf({ item, verdict, label }) {
  /** @type {Correction} */
  const correction = { sample_id: item.sample_id, verdict };
  if (verdict === "relabel") correction.corrected_label = label;
  if (item.lease) correction.lease_id = item.lease.lease_id;
  if (item.correction_id && item.state === "decided") correction.supersedes = item.correction_id;
  return correction;
}

/**
 * The decision on one sample: choosing the given label keeps it, choosing the suggestion accepts it,
 * and the models' prediction takes the place of a suggestion that is missing.
 * @param {Suspect} item
 * @param {Api.Verdict} verdict
 * @param {string | null} [label]
 * @returns {Decision}
 */
export function decisionOn(item, verdict, label) {
  if (verdict === "accept_suggestion" && item.suggested_label === null) {
    return decisionOn(item, "relabel", item.predicted_label);
  }
  if (verdict === "relabel" && label === item.given_label) return { item, verdict: "keep", label };
  if (verdict === "relabel" && label === item.suggested_label) {
    return { item, verdict: "accept_suggestion", label };
  }
  if (verdict === "keep") return { item, verdict, label: item.given_label };
  if (verdict === "accept_suggestion") return { item, verdict, label: item.suggested_label };
  return { item, verdict, label: label ?? null };
}

// What review and grid share: the leased samples, the decisions being saved, the counters, and undo.

import * as api from "./api.js";
import { Counters } from "./counters.js";
import { announce, h } from "./dom.js";
import { drawNotices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { releaseImage } from "./sample.js";

const FINDINGS_TRIES = 5;

/**
 * Whether the drawer of recent decisions was open when the page was left.
 * @param {string} auditId
 */
export const wasRecentOpen = (auditId) =>
  sessionStorage.getItem("labelaudit.recent-decisions") === auditId;

export class ReviewSession {
  /**
   * `summary`: the answer of GET …/summary. `undoLimit`: how many decisions can be undone.
   * `onSaved` is called whenever no decision waits to be saved any more.
   * @param {Summary} summary
   * @param {Filter} filter
   * @param {QueueOptions & { undoLimit: number, onSaved?: () => unknown }} options
   */
  constructor(summary, filter, { undoLimit, onSaved, ...queueOptions }) {
    this.auditId = summary.audit_id;
    this.filter = filter;
    this.undoLimit = undoLimit;
    this.onSaved = onSaved;
    /** @type {Array<{ decisions: Decision[], operation: Operation }>} */
    this.history = [];
    this.recountDue = false; // once everything is saved
    this.changes = 0; // decisions made or undone here
    this.counters = new Counters();
    this.counters.set(summary);
    this.queue = new Queue(this.auditId, filter, queueOptions);
    this.notices = h("div", { class: "notices" });
    this.outbox = new Outbox(this.auditId, {
      onChange: () => this.#outboxChanged(),
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
    this.#loadFindings();
  }

  /**
   * Go to another view of this audit, once it can be served the samples that are held here.
   * @param {string} address
   */
  async leaveFor(address) {
    await this.queue.filling?.catch(() => {}); // leases on their way are released too
    await this.queue.release();
    location.assign(address);
  }

  #outboxChanged() {
    drawNotices(this.notices, this.outbox);
    if (this.outbox.operations.length) return;
    this.onSaved?.();
    // Only the server knows whether an opinion was the last that a sample needs.
    if (this.recountDue || this.counters.opinions > 1) this.recount();
  }

  /**
   * Save decisions {item, verdict, label}: all or none of them, and one undo reverts them all.
   * @param {Decision[]} decisions
   */
  decide(decisions) {
    this.changes += 1;
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
    this.changes += 1;
    const unsent = this.outbox.undo(last.operation);
    for (const { item, verdict, label } of last.decisions) {
      if (unsent) this.queue.addLease(item);
      else item.lease = null; // released when the decision was stored
      this.counters.count(item, verdict, label, -1);
    }
    return last.decisions;
  }

  /**
   * The drawer of one's own decisions; `open` and `changed` are the view's part of it.
   * @param {Record<"open" | "changed", (decision: Api.OwnDecision) => unknown>} view
   */
  async openRecent({ open, changed }) {
    const { openRecentDecisions } = await import("./recent.js");
    await openRecentDecisions({
      auditId: this.auditId,
      saved: () => this.outbox.flush(),
      open,
      undone: (decision) => {
        this.#forget(decision);
        this.recount();
        changed(decision);
      },
    });
  }

  /**
   * A decision was undone in the drawer: `undo` has nothing left to do, and the queue may serve its
   * sample again.
   * @param {Api.OwnDecision} decision
   */
  #forget({ batch_id: batch, sample_id: id }) {
    this.changes += 1;
    this.history = this.history.filter(
      ({ decisions, operation }) => decisions.length > 1 || operation.batch_id !== batch,
    );
    this.queue.shown.delete(id);
    this.queue.exhausted = false;
  }

  /** Counts from the server, once every decision is saved. */
  recount() {
    return this.#ifUnchanged(
      () => api.get(`/v1/audits/${this.auditId}/summary`),
      (summary) => this.counters.set(summary),
    );
  }

  /** Everybody's earlier verdicts. */
  async #loadFindings() {
    for (let left = FINDINGS_TRIES; left > 0; left -= 1) {
      const load = () => api.get(`/v1/audits/${this.auditId}/findings`);
      if (await this.#ifUnchanged(load, (found) => this.counters.setFindings(found))) return;
    }
  }

  /**
   * Load counts and use them, unless decisions were made or saved meanwhile: older counts must not
   * replace newer ones. Returns whether they were used.
   * @param {() => Promise<any>} load
   * @param {(counts: any) => void} use
   */
  async #ifUnchanged(load, use) {
    await this.outbox.flush();
    this.recountDue = this.outbox.operations.length > 0;
    if (this.recountDue) return false;
    const before = this.changes;
    try {
      const counts = await load();
      if (this.outbox.operations.length || before !== this.changes) return false;
      use(counts);
      return true;
    } catch {
      return false; // the counts of this page are close enough
    }
  }
}

/** @param {Decision} options */
function correctionOf({ item, verdict, label }) {
  /** @type {Correction} */
  const correction = { sample_id: item.sample_id, verdict };
  if (verdict === "relabel") correction.corrected_label = label;
  if (item.note?.trim()) correction.note = item.note.trim();
  if (item.lease) correction.lease_id = item.lease.lease_id;
  if (item.ownDecision) correction.supersedes = item.ownDecision;
  else if (item.correction_id && item.state === "decided") {
    correction.supersedes = item.correction_id;
  }
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

// What somebody who decides has before them: leased samples, decisions on their way, counts, and what
// can be undone. Review and grid look different and work alike.

import * as api from "./api.js";
import { h } from "./dom.js";
import { notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { forgetPicture } from "./sample.js";
import { Tally } from "./tally.js";

export class Desk {
  /** `summary`: the answer of GET …/summary. `remembered`: how many decisions can be undone. */
  constructor(summary, filter, { onLost, remembered, ahead, pictureSize }) {
    this.auditId = summary.audit_id;
    this.filter = filter;
    this.remembered = remembered;
    this.history = [];
    this.tally = new Tally(this.auditId);
    this.tally.set(summary);
    this.queue = new Queue(this.auditId, filter, { onLost, ahead, pictureSize });
    this.notices = h("div", { class: "notices" });
    this.outbox = new Outbox(this.auditId, { onChange: () => notices(this.notices, this.outbox) });
  }

  start() {
    window.addEventListener("pagehide", () => {
      this.outbox.leave();
      this.queue.release();
    });
    // A page that comes back from the browser's cache holds no lease any more.
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    window.addEventListener(
      "beforeunload",
      (event) => this.outbox.trouble && event.preventDefault(),
    );
    notices(this.notices, this.outbox);
    this.outbox.flush();
    this.tally.readFindings().catch(() => {});
  }

  /** Send decisions {item, verdict, label}: stored together or not at all, undone together. */
  decide(decisions) {
    for (const { item, verdict, label } of decisions) {
      this.queue.forget(item);
      this.tally.count(item, verdict, label, 1);
    }
    const operation = this.outbox.submit(...decisions.map(correctionOf));
    this.history.push({ decisions, operation });
    if (this.history.length > this.remembered) {
      this.history.shift().decisions.forEach(({ item }) => forgetPicture(item));
    }
  }

  /** Take back what was decided last; those decisions, or null. */
  undo() {
    const last = this.history.pop();
    if (!last) return null;
    const unsent = this.outbox.undo(last.operation);
    for (const { item, verdict, label } of last.decisions) {
      if (unsent) this.queue.keep(item);
      else item.lease = null; // given up when the decision was stored
      this.tally.count(item, verdict, label, -1);
    }
    return last.decisions;
  }

  /** Counts as the server has them, unless decisions are on their way. */
  async recount() {
    try {
      const summary = await api.get(`/v1/audits/${this.auditId}/summary`);
      if (!this.outbox.operations.length) this.tally.set(summary);
    } catch {
      // the counts as they stand here are near enough
    }
  }
}

function correctionOf({ item, verdict, label }) {
  const correction = { sample_id: item.sample_id, verdict };
  if (verdict === "relabel") correction.corrected_label = label;
  if (item.lease) correction.lease_id = item.lease.lease_id;
  if (item.correction_id && item.state === "decided") correction.supersedes = item.correction_id;
  return correction;
}

/** The verdict on one sample: a label that it has already is kept, its suggestion accepted, and where
    there is no suggestion the models' own class stands in for it. */
export function decisionOn(item, verdict, label) {
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

// The views without a sample: loading, an audit that is not completed, the end of the queue.

import { may } from "./api.js";
import { button, h, problemBox } from "./dom.js";
import { openExport } from "./export.js";
import { number, plural } from "./format.js";

/** @type {Record<string, string>} */
const ENDED = { cancelled: "This audit was cancelled", failed: "This audit failed" };

export function loadingView() {
  return h("div", { class: "blank", "aria-busy": "true" }, h("p", { class: "quiet" }, "Loading …"));
}

/** @param {Audit} audit */
export function unfinishedAuditView(audit) {
  if (audit.problem) return h("div", { class: "narrow" }, problemBox(audit.problem));
  const title = ENDED[audit.status];
  const waits = audit.status === "queued";
  return h(
    "div",
    { class: "blank" },
    h(
      "p",
      { class: "blank-title" },
      title ?? (waits ? "This audit is waiting to start" : "This audit is still running"),
    ),
    title
      ? null
      : h(
          "p",
          { class: "quiet" },
          waits ? "It starts as soon as a worker is free. " : "",
          "The queue opens here as soon as the samples are ranked.",
        ),
    h("a", { class: "button", href: "/" }, "Back to the datasets"),
  );
}

/**
 * @param {{
 *   counters: import("./counters.js").Counters,
 *   filter: Filter,
 *   dataset: Dataset,
 *   auditId: string,
 *   refresh: () => unknown,
 *   undo: (() => unknown) | null,
 * }} options
 */
export function endOfQueueView({ counters, filter, dataset, auditId, refresh, undo }) {
  const { open, skipped, decided } = totals(counters, filter);
  const { given_label: given, predicted_label: predicted, issue } = filter;
  const filtered = [given, predicted, issue].some((value) => value !== undefined);
  const skippedQueue = filter.state === "skipped";
  return h(
    "div",
    { class: "blank end" },
    h(
      "p",
      { class: "blank-title" },
      open && !filtered && !skippedQueue ? "No samples available right now" : "All done here",
    ),
    h(
      "p",
      {},
      `${plural(decided, "sample")} decided so far. `,
      counters.reviewed
        ? `${plural(counters.errors, "error")} found in ${number(counters.reviewed)} reviewed.`
        : "",
    ),
    skipped && !skippedQueue
      ? h(
          "p",
          {},
          h(
            "a",
            { href: `/audits/${auditId}?queue=skipped` },
            `Review ${plural(skipped, "skipped sample")}`,
          ),
        )
      : null,
    open && !skippedQueue ? h("p", { class: "quiet" }, whereTheOthersAre(open, filtered)) : null,
    h(
      "div",
      { class: "row centre" },
      may("export")
        ? button("Export the corrected dataset …", () => openExport(dataset), {
            class: "button primary",
          })
        : null,
      filtered
        ? h("a", { class: "button", href: `/audits/${auditId}` }, "Show the whole queue")
        : h("a", { class: "button", href: `/audits/${auditId}/overview` }, "Overview"),
      open || skippedQueue ? button("Refresh", refresh) : null,
      undo
        ? button("Undo the last decision", undo, { class: "link-button", "data-key": "u" })
        : null,
    ),
  );
}

/**
 * @param {import("./counters.js").Counters} counters
 * @param {Filter} filter
 */
function totals(counters, filter) {
  const tiers = (filter.tier ?? ["obvious", "possible"])
    .map((name) => counters.tiers[name])
    .filter(Boolean);
  /** @param {keyof TierCounts} state */
  const sum = (state) => tiers.reduce((total, tier) => total + tier[state], 0);
  return { open: sum("open"), skipped: sum("skipped"), decided: sum("decided") };
}

/**
 * @param {number} open
 * @param {boolean} filtered
 */
const whereTheOthersAre = (open, filtered) =>
  filtered
    ? `${plural(open, "sample")} left outside this filter.`
    : `${plural(open, "sample is", "samples are")} being reviewed by others. Released samples return to the queue.`;

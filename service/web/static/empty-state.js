// The views without a sample: loading, a queue that is refused, and the end of the queue.

import { may } from "./api.js";
import { button, h, problemBox } from "./dom.js";
import { exportButton } from "./export-button.js";
import { number, plural } from "./format.js";
import { isFiltered } from "./review-head.js";

export function loadingView() {
  return h("div", { class: "blank", "aria-busy": "true" }, h("p", { class: "quiet" }, "Loading …"));
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
  const counts = totals(counters, filter);
  const filtered = isFiltered(filter);
  const skippedQueue = filter.state === "skipped";
  const disputes = filter.purpose === "adjudicate";
  const found = counts.open + counts.skipped + counts.decided;
  /** @type {End} */
  const end = { ...counts, filtered, skippedQueue, disputes, none: !found && !filtered };
  const others = end.open && !skippedQueue && !disputes;
  return h(
    "div",
    { class: "blank end" },
    h("p", { class: "blank-title" }, titleOf(end)),
    disputes || end.none ? h("p", {}, meaningOf(end)) : progressOf(counters, end),
    end.skipped && !skippedQueue && !disputes
      ? h(
          "p",
          {},
          h(
            "a",
            { href: `/audits/${auditId}?queue=skipped` },
            `Review ${plural(end.skipped, "skipped sample")}`,
          ),
        )
      : null,
    others ? h("p", { class: "quiet" }, whereTheOthersAre(end.open, filtered)) : null,
    h(
      "div",
      { class: "row centre" },
      end.none && !disputes
        ? h(
            "a",
            { class: "button primary", href: `/audits/${auditId}?queue=all` },
            "Show all samples",
          )
        : null,
      end.none || disputes
        ? null
        : exportButton(
            dataset,
            "Export the corrected dataset …",
            may("export") ? "button primary" : "button",
          ),
      filtered || disputes
        ? h("a", { class: "button", href: `/audits/${auditId}` }, "Show the whole queue")
        : h("a", { class: "button", href: `/audits/${auditId}/overview` }, "Overview"),
      others || skippedQueue || disputes ? button("Refresh", refresh) : null,
      undo
        ? button("Undo the last decision", undo, { class: "link-button", "data-key": "u" })
        : null,
    ),
  );
}

/**
 * What the end of a queue depends on.
 * @typedef {TierCounts & {
 *   filtered: boolean,
 *   skippedQueue: boolean,
 *   disputes: boolean,
 *   none: boolean,
 * }} End
 */

/** @param {End} end */
function titleOf({ open, filtered, skippedQueue, disputes, none }) {
  if (disputes) return "No disputes";
  if (none) return "No suspects here";
  return open && !filtered && !skippedQueue ? "No samples available right now" : "All done here";
}

/** @param {End} end */
const meaningOf = ({ disputes }) =>
  disputes
    ? "No sample waits for your decision. One is disputed when the opinions on it differ; those that you reviewed yourself go to another adjudicator."
    : "The audit ranked no sample in this part of the queue. You can still look at all samples, worst first.";

/**
 * @param {import("./counters.js").Counters} counters
 * @param {End} end
 */
const progressOf = (counters, { decided }) =>
  h(
    "p",
    {},
    `${plural(decided, "sample")} decided so far. `,
    counters.reviewed
      ? `${plural(counters.errors, "error")} found in ${number(counters.reviewed)} reviewed.`
      : "",
  );

/**
 * A queue that could not be read: try again where that may help, otherwise go to one that is served.
 * @param {any} problem
 * @param {string} auditId
 * @param {() => unknown} retry
 */
export function queueProblem(problem, auditId, retry) {
  const action = problem.retryable
    ? button("Try again", retry, { class: "button primary" })
    : h("a", { class: "button", href: `/audits/${auditId}` }, "Show the whole queue");
  return h("div", { class: "narrow" }, problemBox(problem, { actions: [action] }));
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

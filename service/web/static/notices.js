// Decisions that could not be saved, and what can be done about each.

import { button, fill, h } from "./dom.js";
import { number, plural } from "./format.js";

/** @type {Record<string, string>} */
const VERDICTS = {
  keep: "“keep”",
  accept_suggestion: "the suggestion",
  exclude: "“exclude”",
  skip: "“skip”",
};

/**
 * @param {HTMLElement} element
 * @param {import("./outbox.js").Outbox} outbox
 */
export function drawNotices(element, outbox) {
  fill(
    element,
    connectionNotice(outbox),
    outbox.rejected.map((operation) => rejectionNotice(outbox, operation)),
  );
}

/** @param {import("./outbox.js").Outbox} outbox */
function connectionNotice(outbox) {
  if (!outbox.connectionProblem || !outbox.waiting.length) return null;
  return h(
    "div",
    { class: "notice slow", role: "status" },
    h(
      "p",
      {},
      h("strong", {}, `${plural(outbox.waiting.length, "decision")} not saved yet. `),
      outbox.connectionProblem.status === 0
        ? "The server cannot be reached. "
        : `${outbox.connectionProblem.title}. `,
      "They are kept in this tab and sent again automatically. You can keep working.",
    ),
  );
}

/**
 * @param {import("./outbox.js").Outbox} outbox
 * @param {Operation} operation
 */
function rejectionNotice(outbox, operation) {
  const { corrections = [], problem = {} } = operation;
  /** @type {Map<string, ProblemError>} */
  const conflicts = new Map();
  for (const error of problem.errors ?? []) {
    if (error.sample_id) conflicts.set(error.sample_id, error);
  }
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h(
      "p",
      {},
      h("strong", {}, `Not saved: ${describe(corrections)}. `),
      reason(conflicts, problem),
    ),
    h(
      "div",
      { class: "row" },
      resolutions(outbox, operation, conflicts),
      button(
        conflicts.size ? "Keep the saved decision" : "Discard",
        () => outbox.discard(operation),
        {
          class: "link-button",
        },
      ),
    ),
  );
}

/**
 * @param {import("./outbox.js").Outbox} outbox
 * @param {Operation} operation
 * @param {Map<string, ProblemError>} conflicts
 */
function resolutions(outbox, operation, conflicts) {
  const { corrections } = operation;
  if (!corrections) return [];
  const unconflicted = corrections.filter(({ sample_id: id }) => !conflicts.has(id));
  const superseding = corrections.map((correction) => {
    const saved = conflicts.get(correction.sample_id)?.correction_id;
    return saved ? { ...correction, supersedes: saved } : correction;
  });
  const replaceable = [...conflicts.values()].some((conflict) => conflict.correction_id);
  return [
    conflicts.size && unconflicted.length
      ? button(`Save the other ${number(unconflicted.length)}`, () =>
          outbox.retry(operation, unconflicted),
        )
      : null,
    replaceable
      ? button("Use my decision", () => outbox.retry(operation, superseding))
      : button("Try again", () =>
          outbox.retry(
            operation,
            corrections.map(({ lease_id: _, ...correction }) => correction),
          ),
        ),
  ];
}

/**
 * @param {Map<string, ProblemError>} conflicts
 * @param {ProblemBody} problem
 */
function reason(conflicts, problem) {
  const [conflict] = conflicts.values();
  if (!conflict?.detail) return problem.detail;
  if (conflicts.size > 1) return `${plural(conflicts.size, "sample")}: ${conflict.detail}.`;
  const verdict = conflict.verdict ? ` (${conflict.verdict.replaceAll("_", " ")})` : "";
  return `${conflict.sample_id} was ${conflict.detail}${verdict}.`;
}

/** @param {Correction[]} corrections */
function describe(corrections) {
  if (!corrections.length) return "an undo";
  const [{ verdict, corrected_label: label, sample_id: id }] = corrections;
  const decision = label ? `“${label}”` : VERDICTS[verdict];
  return `${decision} for ${corrections.length > 1 ? plural(corrections.length, "sample") : id}`;
}

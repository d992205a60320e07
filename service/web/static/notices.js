// What went wrong with a decision, and what can be done about it; none is ever dropped in silence.

import { button, fill, h } from "./dom.js";
import { number, plural } from "./format.js";

export function notices(place, outbox) {
  fill(
    place,
    trouble(outbox),
    outbox.refused.map((operation) => refusal(outbox, operation)),
  );
}

function trouble(outbox) {
  if (!outbox.trouble || !outbox.waiting.length) return null;
  return h(
    "div",
    { class: "notice slow", role: "status" },
    h(
      "p",
      {},
      h("strong", {}, `${plural(outbox.waiting.length, "decision")} not saved yet. `),
      outbox.trouble.status === 0 ? "The server cannot be reached; " : `${outbox.trouble.title}; `,
      "they are kept here and sent again by themselves. You can go on.",
    ),
  );
}

function refusal(outbox, operation) {
  const { corrections = [], problem } = operation;
  const conflicts = new Map(
    (problem.errors ?? []).filter((error) => error.sample_id).map((e) => [e.sample_id, e]),
  );
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("p", {}, h("strong", {}, `Not saved: ${inWords(corrections)}. `), why(conflicts, problem)),
    h(
      "div",
      { class: "row" },
      waysOut(outbox, operation, conflicts),
      button(conflicts.size ? "Leave theirs" : "Let it go", () => outbox.drop(operation), {
        class: "link-button",
      }),
    ),
  );
}

function waysOut(outbox, operation, conflicts) {
  const { corrections } = operation;
  if (!corrections) return [];
  const free = corrections.filter(({ sample_id: id }) => !conflicts.has(id));
  const superseding = corrections.map((correction) => {
    const standing = conflicts.get(correction.sample_id)?.correction_id;
    return standing ? { ...correction, supersedes: standing } : correction;
  });
  const replaceable = [...conflicts.values()].some((conflict) => conflict.correction_id);
  return [
    conflicts.size && free.length
      ? button(`Save the other ${number(free.length)}`, () => outbox.retry(operation, free))
      : null,
    replaceable
      ? button("Use mine instead", () => outbox.retry(operation, superseding))
      : button("Try again", () =>
          outbox.retry(
            operation,
            corrections.map(({ lease_id: _, ...correction }) => correction),
          ),
        ),
  ];
}

function why(conflicts, problem) {
  const [conflict] = conflicts.values();
  if (!conflict?.detail) return problem.detail;
  if (conflicts.size > 1) return `${plural(conflicts.size, "sample")} of them: ${conflict.detail}.`;
  const verdict = conflict.verdict ? ` (${conflict.verdict.replaceAll("_", " ")})` : "";
  return `${conflict.sample_id} was ${conflict.detail}${verdict}.`;
}

function inWords(corrections) {
  if (!corrections.length) return "an undo";
  const [{ verdict, corrected_label: label, sample_id: id }] = corrections;
  const decision = label
    ? `“${label}”`
    : { keep: "“keep”", accept_suggestion: "the suggestion", exclude: "“exclude”", skip: "“skip”" }[
        verdict
      ];
  return `${decision} for ${corrections.length > 1 ? plural(corrections.length, "sample") : id}`;
}

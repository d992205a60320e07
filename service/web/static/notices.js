// What went wrong with a decision, and what can be done about it; none is ever dropped in silence.

import { button, fill, h } from "./dom.js";
import { plural } from "./format.js";

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
  const { correction, problem } = operation;
  const conflict = problem.errors?.find((error) => error.sample_id === correction?.sample_id);
  const actions = [];
  if (conflict?.correction_id) {
    actions.push(
      button("Use mine instead", () =>
        outbox.retry(operation, { supersedes: conflict.correction_id }),
      ),
    );
  } else if (correction) {
    actions.push(button("Try again", () => outbox.retry(operation, { lease_id: undefined })));
  }
  actions.push(
    button(conflict?.correction_id ? "Leave theirs" : "Let it go", () => outbox.drop(operation), {
      class: "link-button",
    }),
  );
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h(
      "p",
      {},
      h(
        "strong",
        {},
        `Not saved: ${correction ? `${inWords(correction)} for ${correction.sample_id}` : "an undo"}. `,
      ),
      conflict?.detail
        ? `It was ${conflict.detail}${conflict.verdict ? ` (${conflict.verdict.replaceAll("_", " ")})` : ""}.`
        : problem.detail,
    ),
    h("div", { class: "row" }, actions),
  );
}

const inWords = ({ verdict, corrected_label: label }) =>
  label
    ? `“${label}”`
    : { keep: "“keep”", accept_suggestion: "the suggestion", exclude: "“exclude”", skip: "“skip”" }[
        verdict
      ];

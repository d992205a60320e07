// What annotators said in the upload: a bar for each class, with those who voted for it.

import { breakable, h } from "./dom.js";
import { number, plural } from "./format.js";

const NAMES = 6;

export function votesBlock({ votes, given_label: given, suggested_label: suggested }) {
  if (!votes?.length) return null;
  const all = votes.reduce((sum, one) => sum + one.votes, 0);
  return h(
    "section",
    { class: "votes", "aria-label": "Votes in the upload" },
    h("h2", {}, `${plural(all, "vote")} in the upload`),
    h(
      "ul",
      {},
      votes.map((one) => {
        const kind = one.label === given ? "given" : one.label === suggested ? "suggested" : "";
        return h(
          "li",
          { class: `vote ${kind}`, vars: { share: one.votes / all } },
          h("span", { class: "vote-label", dir: "auto" }, breakable(one.label)),
          h("span", { class: "vote-count" }, number(one.votes), h("span", { class: "visually-hidden" }, ` of ${plural(all, "vote")}`)),
          h("span", { class: "vote-bar", "aria-hidden": "true" }),
          one.annotators.length
            ? h("span", { class: "vote-names quiet small", dir: "auto" }, breakable(names(one.annotators)))
            : null,
        );
      }),
    ),
  );
}

/** The first few by name; of a crowd, how many more there are. */
function names(annotators) {
  const rest = annotators.length - NAMES;
  if (rest <= 1) return annotators.join(", ");
  return `${annotators.slice(0, NAMES).join(", ")} and ${number(rest)} more`;
}

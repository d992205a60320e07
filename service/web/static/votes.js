// The annotators' votes in the upload: a bar for each class, with those who voted for it.

import { breakable, h } from "./dom.js";
import { number, plural } from "./format.js";

const SHOWN_NAMES = 6;

/** @param {Suspect} options */
export function votesBlock({ votes, given_label: given, suggested_label: suggested }) {
  if (!votes?.length) return null;
  const total = votes.reduce((sum, row) => sum + row.votes, 0);
  return h(
    "section",
    { class: "votes", "aria-label": "Votes in the upload" },
    h("h2", {}, `${plural(total, "vote")} in the upload`),
    h(
      "ul",
      {},
      votes.map((row) => {
        const kind = row.label === given ? "given" : row.label === suggested ? "suggested" : "";
        return h(
          "li",
          { class: `vote ${kind}`, vars: { share: row.votes / total } },
          h("span", { class: "vote-label", dir: "auto" }, breakable(row.label)),
          h(
            "span",
            { class: "vote-count" },
            number(row.votes),
            h("span", { class: "visually-hidden" }, ` of ${plural(total, "vote")}`),
          ),
          h("span", { class: "vote-bar", "aria-hidden": "true" }),
          row.annotators.length
            ? h(
                "span",
                { class: "vote-names quiet small", dir: "auto" },
                breakable(names(row.annotators)),
              )
            : null,
        );
      }),
    ),
  );
}

/**
 * The first few names, and how many more there are.
 * @param {string[]} annotators
 */
function names(annotators) {
  const rest = annotators.length - SHOWN_NAMES;
  if (rest <= 1) return annotators.join(", ");
  return `${annotators.slice(0, SHOWN_NAMES).join(", ")} and ${number(rest)} more`;
}

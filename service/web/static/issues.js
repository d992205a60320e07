// What may be amiss with a sample beside a wrong label: each kind is a queue of its own.

import { h } from "./dom.js";
import { number } from "./format.js";
import { queueAddress } from "./reviewhead.js";

const ISSUES = {
  ambiguous: {
    title: "Ambiguous",
    meaning: "Two classes are nearly as probable as each other.",
  },
  near_duplicate: {
    title: "Near duplicates",
    meaning: "Another sample is nearly the same.",
  },
  conflicting_duplicate: {
    title: "Duplicates that disagree",
    meaning: "Nearly the same sample has another label, too.",
  },
  outlier: {
    title: "Outliers",
    meaning: "Far from everything else; perhaps of no class at all.",
  },
};
const ONE = {
  ambiguous: "ambiguous",
  near_duplicate: "near duplicate",
  conflicting_duplicate: "duplicates disagree",
  outlier: "outlier",
};

/** An issue as a sample has it. */
export const issueOf = (name) => ONE[name] ?? name;

/** [name, title, count] of the issues that an audit looked for. */
export function countedIssues({ issues = {} }) {
  return Object.entries(ISSUES)
    .map(([name, { title }]) => [name, title, issues[name] ?? null])
    .filter(([, , count]) => count !== null);
}

/** A section of the overview: each issue leads to its queue. */
export function issuesSection(summary, id) {
  const counted = countedIssues(summary);
  if (!counted.length) return null;
  return h(
    "section",
    { class: "issues" },
    h("h2", {}, "Other issues"),
    h("p", { class: "quiet" }, "What may be amiss beside a wrong label. Each is a queue of its own."),
    h(
      "ul",
      { class: "issue-list" },
      counted.map(([name, title, count]) =>
        h(
          "li",
          {},
          h("strong", { class: "issue-count" }, number(count)),
          count
            ? h("a", { href: queueAddress(id, { queue: name }), "data-issue": name }, title)
            : h("span", {}, title),
          h("span", { class: "quiet small" }, ISSUES[name].meaning),
        ),
      ),
    ),
  );
}

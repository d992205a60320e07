// Issues: possible problems of a sample other than a wrong label; each kind has its own queue.

import { h } from "./dom.js";
import { number } from "./format.js";
import { queueAddress } from "./queue-address.js";

/** @type {Record<string, { title: string, meaning: string }>} */
const ISSUES = {
  ambiguous: {
    title: "Ambiguous",
    meaning: "Two classes are almost equally likely.",
  },
  near_duplicate: {
    title: "Near duplicates",
    meaning: "Another sample is almost identical.",
  },
  conflicting_duplicate: {
    title: "Conflicting duplicates",
    meaning: "An almost identical sample has a different label.",
  },
  outlier: {
    title: "Outliers",
    meaning: "Far from all other samples; possibly none of the classes.",
  },
};
/** @type {Record<string, string>} */
const SINGULAR = {
  ambiguous: "ambiguous",
  near_duplicate: "near duplicate",
  conflicting_duplicate: "conflicting duplicate",
  outlier: "outlier",
};

/**
 * The title of an issue on a single sample.
 * @param {string} name
 */
export const issueTitle = (name) => SINGULAR[name] ?? name;

/**
 * [name, title, count] of the issues that an audit looked for.
 * @param {Summary} summary
 * @returns {Array<[string, string, number]>}
 */
export function countedIssues({ issues }) {
  return Object.entries(ISSUES).flatMap(([name, { title }]) => {
    const count = issues[name] ?? null;
    return count === null ? [] : [[name, title, count]];
  });
}

/**
 * A section of the overview: each issue leads to its queue.
 * @param {Summary} summary
 * @param {string} id
 */
export function issuesSection(summary, id) {
  const counted = countedIssues(summary);
  if (!counted.length) return null;
  return h(
    "section",
    { class: "issues" },
    h("h2", {}, "Other possible problems"),
    h("p", { class: "quiet" }, "Problems other than a wrong label. Each has its own queue."),
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

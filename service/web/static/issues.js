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
  dark: {
    title: "Dark pictures",
    meaning: "Hardly a pixel is bright.",
  },
  light: {
    title: "Overexposed pictures",
    meaning: "Almost every pixel is white.",
  },
  blurry: {
    title: "Blurry pictures",
    meaning: "There is little detail for the contrast.",
  },
  low_information: {
    title: "Pictures with little information",
    meaning: "Few different colours: possibly an empty picture.",
  },
  odd_aspect_ratio: {
    title: "Odd aspect ratios",
    meaning: "The picture is unusually wide or tall.",
  },
  odd_size: {
    title: "Odd sizes",
    meaning: "The picture is far smaller or larger than the others.",
  },
  grayscale: {
    title: "Grey pictures",
    meaning: "The picture has no colour; most others do.",
  },
};
/** @type {Record<string, string>} */
const SINGULAR = {
  ambiguous: "ambiguous",
  near_duplicate: "near duplicate",
  conflicting_duplicate: "conflicting duplicate",
  outlier: "outlier",
  dark: "dark",
  light: "overexposed",
  blurry: "blurry",
  low_information: "little information",
  odd_aspect_ratio: "odd aspect ratio",
  odd_size: "odd size",
  grayscale: "grey",
};

/**
 * The title of an issue on a single sample.
 * @param {string} name
 */
export const issueTitle = (name) => SINGULAR[name] ?? name;

/**
 * Whether there is a queue of this issue.
 * @param {string} name
 */
export const isIssue = (name) => Object.hasOwn(ISSUES, name);

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

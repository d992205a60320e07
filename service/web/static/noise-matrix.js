// The noise matrix as a heat map: rows are true classes, columns given labels, and each cell links to its
// queue.

import { h } from "./dom.js";
import { finePercent, number, shorten } from "./format.js";
import { plot } from "./plots.js";
import { queueAddress } from "./queue-address.js";

const MAX_CLASSES = 16; // only the most confused of a larger number are shown
const LISTED_PAIRS = 12;
const VISIBLE = 0.0005; // smaller shares would print as 0.0%

/**
 * @param {Summary} options
 * @param {string} id
 */
export function matrixSection({ noise_matrix: matrix, class_names: names }, id) {
  if (!matrix.length || names.length < 2) return null;
  const pairs = confusedPairs(matrix);
  const shown = names.length <= MAX_CLASSES ? names.map((_, index) => index) : mostConfused(pairs);
  const largest = pairs[0]?.share ?? 1;
  return h(
    "section",
    {},
    h("h2", {}, "Noise matrix"),
    h(
      "p",
      { class: "quiet" },
      "Each row is a true class; each cell is the share of it that was given the label of the column. ",
      names.length > shown.length
        ? `Only the ${shown.length} most confused of ${number(names.length)} classes are shown. `
        : "",
      "Select a cell to review its samples.",
    ),
    h(
      "div",
      { class: "matrix-row" },
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Noise matrix" },
        table(matrix, names, shown, largest, id),
      ),
      pairList(pairs, names, id),
    ),
    h(
      "details",
      {},
      h("summary", {}, "Show as a chart"),
      plot(id, "noise_matrix", { alt: "Noise matrix" }),
    ),
  );
}

/** @typedef {{ truth: number, given: number, share: number }} Pair */

/** @param {number[][]} matrix */
function confusedPairs(matrix) {
  const cells = matrix.flatMap((row, truth) =>
    row.map((share, given) => ({ truth, given, share })),
  );
  const pairs = cells.filter(({ truth, given, share }) => truth !== given && share >= VISIBLE);
  return pairs.sort((a, b) => b.share - a.share);
}

/** @param {Pair[]} pairs */
function mostConfused(pairs) {
  const classes = new Set();
  for (const { truth, given } of pairs) {
    if (classes.size + 2 > MAX_CLASSES) break;
    classes.add(truth).add(given);
  }
  return [...classes].sort((a, b) => a - b);
}

/**
 * @param {number[][]} matrix
 * @param {string[]} names
 * @param {number[]} shown
 * @param {number} largest
 * @param {string} id
 */
function table(matrix, names, shown, largest, id) {
  return h(
    "table",
    { class: "matrix" },
    h(
      "caption",
      { class: "visually-hidden" },
      "Rows: true class. Columns: given label. Values: share of the row.",
    ),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td", { class: "corner quiet small" }, "true ╲ given"),
        shown.map((given) =>
          h(
            "th",
            { scope: "col", title: names[given] },
            h("span", { dir: "auto" }, shorten(names[given], 14)),
          ),
        ),
      ),
    ),
    h(
      "tbody",
      {},
      shown.map((truth) =>
        h(
          "tr",
          {},
          h("th", { scope: "row", title: names[truth], dir: "auto" }, shorten(names[truth], 18)),
          shown.map((given) => cell(matrix[truth][given], truth, given, names, largest, id)),
        ),
      ),
    ),
  );
}

/**
 * @param {number} share
 * @param {number} truth
 * @param {number} given
 * @param {string[]} names
 * @param {number} largest
 * @param {string} id
 */
function cell(share, truth, given, names, largest, id) {
  if (truth === given)
    return h(
      "td",
      { class: "same", title: `${names[truth]}: ${finePercent(share)} labeled correctly` },
      h("span", {}, finePercent(share)),
    );
  if (share < VISIBLE)
    return h("td", { class: "nil" }, h("span", { class: "visually-hidden" }, "none"));
  const description = `${names[given]} → ${names[truth]}: ${finePercent(share)} of ${names[truth]}`;
  const heat = Math.sqrt(share / largest); // shares span decades; the square root keeps small ones visible
  return h(
    "td",
    { vars: { heat } },
    h(
      "a",
      {
        href: queueAddress(id, { given_label: names[given], predicted_label: names[truth] }),
        "aria-label": description,
        title: description,
      },
      finePercent(share),
    ),
  );
}

/**
 * @param {Pair[]} pairs
 * @param {string[]} names
 * @param {string} id
 */
function pairList(pairs, names, id) {
  if (!pairs.length) return null;
  return h(
    "div",
    { class: "pair-list" },
    h("h3", {}, "Most confused"),
    h(
      "ol",
      {},
      pairs.slice(0, LISTED_PAIRS).map(({ truth, given, share }) =>
        h(
          "li",
          {},
          h(
            "a",
            {
              href: queueAddress(id, {
                given_label: names[given],
                predicted_label: names[truth],
              }),
            },
            h("span", { dir: "auto" }, names[given]),
            h("span", { class: "quiet" }, " → "),
            h("span", { dir: "auto" }, names[truth]),
          ),
          h("span", { class: "quiet small" }, finePercent(share)),
        ),
      ),
    ),
  );
}

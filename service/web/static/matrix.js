// The noise matrix as a heat map: rows are true classes, columns given labels, a cell its queue.

import { h } from "./dom.js";
import { finePercent, number, shorten } from "./format.js";
import { picture } from "./pictures.js";
import { queueAddress } from "./reviewhead.js";

const MOST_CLASSES = 16; // of a larger matrix only the most confused part is drawn
const LISTED_PAIRS = 12;
const VISIBLE = 0.0005; // what would print as 0.0% is left blank

export function matrixSection({ noise_matrix: matrix, class_names: names = [] }, id) {
  if (!matrix?.length || names.length < 2) return null;
  const pairs = confusedPairs(matrix);
  const shown = names.length <= MOST_CLASSES ? names.map((_, index) => index) : mostConfused(pairs);
  const largest = pairs[0]?.share ?? 1;
  return h(
    "section",
    {},
    h("h2", {}, "Noise matrix"),
    h(
      "p",
      { class: "quiet" },
      "Of the samples that truly are the class on the left, the share that was given the label above. ",
      names.length > shown.length
        ? `The ${shown.length} most confused of ${number(names.length)} classes. `
        : "",
      "A cell leads to its part of the queue.",
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
      h("summary", {}, "As a picture"),
      picture(id, "noise_matrix", { alt: "Noise matrix" }),
    ),
  );
}

function confusedPairs(matrix) {
  const pairs = [];
  matrix.forEach((row, truth) =>
    row.forEach((share, given) => {
      if (truth !== given && share >= VISIBLE) pairs.push({ truth, given, share });
    }),
  );
  return pairs.sort((a, b) => b.share - a.share);
}

function mostConfused(pairs) {
  const classes = new Set();
  for (const { truth, given } of pairs) {
    if (classes.size + 2 > MOST_CLASSES) break;
    classes.add(truth).add(given);
  }
  return [...classes].sort((a, b) => a - b);
}

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

function cell(share, truth, given, names, largest, id) {
  if (truth === given)
    return h(
      "td",
      { class: "same", title: `${names[truth]}: ${finePercent(share)} labeled rightly` },
      h("span", {}, finePercent(share)),
    );
  if (share < VISIBLE)
    return h("td", { class: "nil" }, h("span", { class: "visually-hidden" }, "none"));
  const words = `${finePercent(share)} of ${names[truth]} given as ${names[given]}`;
  const heat = Math.sqrt(share / largest); // shares span decades; the root keeps the small ones visible
  return h(
    "td",
    { vars: { heat } },
    h(
      "a",
      {
        href: queueAddress(id, { given_label: names[given], predicted_label: names[truth] }),
        "aria-label": words,
        title: words,
      },
      finePercent(share),
    ),
  );
}

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
            h("span", { dir: "auto" }, names[truth]),
            h("span", { class: "quiet" }, " given as "),
            h("span", { dir: "auto" }, names[given]),
          ),
          h("span", { class: "quiet small" }, finePercent(share)),
        ),
      ),
    ),
  );
}

// The classes of an audit, those with the most wrong labels first.

import { breakable, button, h } from "./dom.js";
import { finePercent, interval, number, plural } from "./format.js";
import { plot } from "./plots.js";
import { queueAddress } from "./queue-address.js";

const FIRST_ROWS = 25;

/**
 * @param {Summary} options
 * @param {string} id
 */
export function classesSection({ per_class: rows }, id) {
  const sorted = [...rows].sort((a, b) => b.estimated_wrong_count - a.estimated_wrong_count);
  const worst = Math.max(...sorted.map(({ noise_rate: rate }) => rate.high ?? rate.value), 0.01);
  const body = h(
    "tbody",
    {},
    sorted.slice(0, FIRST_ROWS).map((row) => classRow(row, id, worst)),
  );
  const rest = sorted.length - FIRST_ROWS;
  const showAll =
    rest > 0
      ? button(`Show ${plural(rest, "more class", "more classes")}`, () => {
          body.append(...sorted.slice(FIRST_ROWS).map((row) => classRow(row, id, worst)));
          showAll?.remove();
        })
      : null;
  return h(
    "section",
    {},
    h("h2", {}, "Classes"),
    h(
      "p",
      { class: "quiet" },
      "Sorted by the number of labels that are probably wrong. Select a class to review it.",
    ),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "table classes" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            [
              "Given label",
              "Samples",
              "Probably wrong",
              "Noise rate",
              "Most likely true class",
            ].map((title, index) =>
              h("th", { scope: "col", class: index && index < 4 ? "num" : "" }, title),
            ),
          ),
        ),
        body,
      ),
    ),
    showAll,
    h(
      "details",
      { class: "class-chart" },
      h("summary", {}, "Show as a chart"),
      plot(id, "classes", { alt: "Noise rate by class" }),
    ),
  );
}

/**
 * @param {Api.ClassSummary} row
 * @param {string} id
 * @param {number} worst
 */
function classRow(row, id, worst) {
  const { value, low, high } = row.noise_rate;
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row", dir: "auto" },
      h("a", { href: queueAddress(id, { given_label: row.label }) }, breakable(row.label)),
    ),
    h("td", { class: "num" }, number(row.given_count)),
    h("td", { class: "num" }, number(Math.round(row.estimated_wrong_count))),
    h(
      "td",
      { class: "num rate-cell" },
      `${finePercent(value)} `,
      h("span", { class: "quiet small" }, interval(row.noise_rate, finePercent)),
      h(
        "div",
        {
          class: "band thin",
          "aria-hidden": "true",
          vars: {
            low: (low ?? value) / worst,
            high: (high ?? value) / worst,
            p: value / worst,
          },
        },
        h("i", { class: "span" }),
        h("i", { class: "point" }),
      ),
    ),
    h(
      "td",
      { dir: "auto" },
      row.most_confused_with === null
        ? h("span", { class: "quiet" }, "–")
        : h(
            "a",
            {
              href: queueAddress(id, {
                given_label: row.label,
                predicted_label: row.most_confused_with,
              }),
            },
            breakable(row.most_confused_with),
          ),
    ),
  );
}

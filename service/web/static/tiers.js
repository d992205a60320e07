// The tiers of an audit: the expected share of wrong labels in each, and the share found.

import { h } from "./dom.js";
import { interval, number, percent } from "./format.js";
import { queueAddress } from "./queue-address.js";

const TIERS = [
  ["obvious", "Obvious", "More likely wrong than right, even at the lower bound."],
  [
    "possible",
    "Possible",
    "Worth reviewing. Together with the obvious ones, about as many as the expected errors.",
  ],
  ["none", "Not suspected", "No evidence against these labels."],
];
const COLUMNS = ["Samples", "Expected wrong", "Found wrong so far"];

/**
 * @param {Summary} summary
 * @param {Api.FindingsRead} found
 * @param {string} id
 */
export function tiersSection(summary, found, id) {
  const seen = Object.fromEntries(found.tiers.map((tier) => [tier.tier, tier]));
  return h(
    "section",
    {},
    h("h2", {}, "Tiers"),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "table tiers" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Tier", ...COLUMNS].map((title, index) =>
              h("th", { scope: "col", class: index ? "num" : "" }, title),
            ),
          ),
        ),
        h(
          "tbody",
          {},
          TIERS.map(([name, title, meaning]) => {
            const tier = summary.tiers[name];
            return h(
              "tr",
              {},
              h(
                "th",
                { scope: "row" },
                h(
                  "a",
                  {
                    href: queueAddress(id, { queue: name }),
                    class: `chip ${name}`,
                    title: meaning,
                  },
                  title,
                ),
                h("span", { class: "quiet small block" }, meaning),
              ),
              [
                number(tier?.count ?? 0),
                precision(tier?.precision ?? null),
                verdicts(seen[name]),
              ].map((cell, index) => h("td", { class: "num", "data-title": COLUMNS[index] }, cell)),
            );
          }),
        ),
      ),
    ),
    certificatePlan(summary),
  );
}

/**
 * How few reviewed samples would settle what the models alone cannot promise.
 * @param {Summary} options
 */
function certificatePlan({ looks: plan }) {
  if (!plan) return null;
  return h(
    "p",
    { class: "quiet" },
    "From the models alone, no label is certain enough to be obvious. Reviewing " +
      `${number(plan.looks)} random samples can show that at least ${percent(plan.level)} of ` +
      `${number(plan.samples)} suggestions are right, so that you can apply them all at once. ` +
      "To start, run ",
    h("code", {}, "labelaudit certificate open"),
    ".",
  );
}

/** @param {Api.TierFound} options */
function verdicts({ reviewed, wrong, share }) {
  if (!share) return h("span", { class: "quiet" }, "none reviewed yet");
  return [
    h("strong", {}, percent(share.value)),
    h(
      "span",
      { class: "quiet small block" },
      `${number(wrong)} of ${number(reviewed)}, ${interval(share)}`,
    ),
  ];
}

/** @param {Api.Estimate | null} expected */
const precision = (expected) =>
  expected
    ? [
        h("strong", {}, percent(expected.value)),
        h("span", { class: "quiet small block" }, interval(expected)),
      ]
    : h("span", { class: "quiet" }, "–");

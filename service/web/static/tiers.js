// The tiers of an audit: what each promised, and what was found in it.

import { h } from "./dom.js";
import { number, percent } from "./format.js";
import { queueAddress } from "./reviewhead.js";

const TIERS = [
  ["obvious", "Obvious", "Even the low end of the estimate says: more likely wrong than right."],
  [
    "possible",
    "Possible",
    "Worth a look; together with the obvious ones, about as many as there should be errors.",
  ],
  ["none", "Not suspected", "Nothing speaks against these labels."],
];
const COLUMNS = ["Samples", "Expected to be wrong", "Found wrong so far"];

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
            const tier = summary.tiers?.[name] ?? {};
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
              [number(tier.count ?? 0), precision(tier), verdicts(seen[name])].map((cell, index) =>
                h("td", { class: "num", "data-title": COLUMNS[index] }, cell),
              ),
            );
          }),
        ),
      ),
    ),
  );
}

function verdicts({ reviewed, wrong, low, high }) {
  if (!reviewed) return h("span", { class: "quiet" }, "nothing reviewed yet");
  return [
    h("strong", {}, percent(wrong / reviewed)),
    h(
      "span",
      { class: "quiet small block" },
      `${number(wrong)} of ${number(reviewed)}, ${percent(low)} – ${percent(high)}`,
    ),
  ];
}

function precision({ expected_precision: expected, lower_bound: low }) {
  if (expected === null || expected === undefined) return h("span", { class: "quiet" }, "–");
  return [
    h("strong", {}, percent(expected)),
    low === null || low === undefined
      ? null
      : h("span", { class: "quiet small block" }, `low end ${percent(low)}`),
  ];
}

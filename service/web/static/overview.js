// The overview of an audit: how noisy, where, how far the tiers can be believed, what it cannot judge.

import * as api from "./api.js";
import { breakable, button, fill, h, problemBox } from "./dom.js";
import { dataMap } from "./datamap.js";
import { openExport } from "./export.js";
import { findingsSection } from "./findings.js";
import { finePercent, number, percent, plural } from "./format.js";
import { issuesSection } from "./issues.js";
import { matrixSection } from "./matrix.js";
import { picture } from "./pictures.js";
import { queueAddress, reviewHead } from "./reviewhead.js";
import { waitingView } from "./ending.js";

const TIERS = [
  ["obvious", "Obvious", "Even the low end of the estimate says: more likely wrong than right."],
  [
    "possible",
    "Possible",
    "Worth a look; together with the obvious ones, about as many as there should be errors.",
  ],
  ["none", "Not suspected", "Nothing speaks against these labels."],
];
const FIRST_ROWS = 25;

export async function show(main, { id }) {
  fill(main, waitingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Overview of ${dataset.name} · labelaudit`;
  if (audit.status !== "completed") {
    fill(main, reviewHead(dataset, id, "overview"), waitingView(audit));
    return;
  }
  const [summary, found] = await Promise.all([
    api.get(`/v1/audits/${id}/summary`),
    api.get(`/v1/audits/${id}/findings`),
  ]);
  fill(
    main,
    h(
      "div",
      { class: "review" },
      reviewHead(dataset, id, "overview"),
      h(
        "div",
        { class: "page overview" },
        caveats(summary),
        h("div", { class: "overview-top" }, noiseRate(summary, audit), tiers(summary, found, id)),
        findingsSection(found, id),
        matrixSection(summary, id),
        dataset.kind === "probabilities" ? null : dataMap(id),
        classTable(summary, id),
        issuesSection(summary, id),
        downloads(id, dataset),
      ),
    ),
  );
}

function caveats({ cannot_judge: cannot = [], missing = [] }) {
  if (!cannot.length && !missing.length) return null;
  const sentence = (text) =>
    `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
  return h(
    "section",
    { class: "notice slow", "aria-label": "Limits of this audit" },
    h(
      "h2",
      {},
      cannot.length ? "What this audit cannot judge" : "What this audit had to do without",
    ),
    cannot.length
      ? h(
          "ul",
          {},
          cannot.map((words) => h("li", {}, sentence(words))),
        )
      : null,
    missing.length
      ? h(
          "ul",
          { class: cannot.length ? "quiet" : "" },
          missing.map((words) => h("li", {}, sentence(words))),
        )
      : null,
  );
}

function noiseRate({ noise_rate: rate }, audit) {
  return h(
    "section",
    { class: "noise-rate" },
    h("h2", {}, "Noise rate"),
    h("p", { class: "big" }, rate ? `${finePercent(rate.low)} – ${finePercent(rate.high)}` : "–"),
    rate
      ? h(
          "div",
          {
            class: "band",
            "aria-hidden": "true",
            vars: { low: rate.low, high: rate.high, p: rate.estimate },
          },
          h("i", { class: "span" }),
          h("i", { class: "point" }),
        )
      : null,
    h(
      "p",
      { class: "quiet" },
      rate
        ? `of the labels are probably wrong; the middle estimate is ${finePercent(rate.estimate)}.`
        : "Not estimated.",
    ),
    h(
      "p",
      { class: "quiet small" },
      `Version ${audit.dataset_version} of the dataset, audited by ${audit.created_by}.`,
    ),
  );
}

function tiers(summary, found, id) {
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
            ["Tier", "Samples", "Expected to be wrong", "Found wrong so far"].map((title, index) =>
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
              h("td", { class: "num" }, number(tier.count ?? 0)),
              h("td", { class: "num" }, precision(tier)),
              h("td", { class: "num" }, verdicts(seen[name])),
            );
          }),
        ),
      ),
    ),
  );
}

function verdicts({ looked, wrong, low, high }) {
  if (!looked) return h("span", { class: "quiet" }, "no looks yet");
  return [
    h("strong", {}, percent(wrong / looked)),
    h(
      "span",
      { class: "quiet small block" },
      `${number(wrong)} of ${number(looked)}, ${percent(low)} – ${percent(high)}`,
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

function classTable({ per_class: rows = [] }, id) {
  const sorted = [...rows].sort((a, b) => b.estimated_wrong_count - a.estimated_wrong_count);
  const worst = Math.max(...sorted.map((row) => row.noise_rate.high), 0.01);
  const body = h(
    "tbody",
    {},
    sorted.slice(0, FIRST_ROWS).map((row) => classRow(row, id, worst)),
  );
  const rest = sorted.length - FIRST_ROWS;
  const all =
    rest > 0
      ? button(`Show ${plural(rest, "more class", "more classes")}`, () => {
          body.append(...sorted.slice(FIRST_ROWS).map((row) => classRow(row, id, worst)));
          all.remove();
        })
      : null;
  return h(
    "section",
    {},
    h("h2", {}, "Classes"),
    h(
      "p",
      { class: "quiet" },
      "By the number of labels that are probably wrong. A class leads to its part of the queue.",
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
            ["Given label", "Samples", "Probably wrong", "Noise rate", "Mostly really"].map(
              (title, index) =>
                h("th", { scope: "col", class: index && index < 4 ? "num" : "" }, title),
            ),
          ),
        ),
        body,
      ),
    ),
    all,
    h(
      "details",
      { class: "class-picture" },
      h("summary", {}, "As a picture"),
      picture(id, "classes", { alt: "Noise rate by class" }),
    ),
  );
}

function classRow(row, id, worst) {
  const { estimate, low, high } = row.noise_rate;
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row", dir: "auto" },
      h("a", { href: queueAddress(id, { given_label: row.class }) }, breakable(row.class)),
    ),
    h("td", { class: "num" }, number(row.given_count)),
    h("td", { class: "num" }, number(Math.round(row.estimated_wrong_count))),
    h(
      "td",
      { class: "num rate-cell" },
      `${finePercent(estimate)} `,
      h("span", { class: "quiet small" }, `${finePercent(low)} – ${finePercent(high)}`),
      h(
        "div",
        {
          class: "band thin",
          "aria-hidden": "true",
          vars: { low: low / worst, high: high / worst, p: estimate / worst },
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
                given_label: row.class,
                predicted_label: row.most_confused_with,
              }),
            },
            breakable(row.most_confused_with),
          ),
    ),
  );
}

function downloads(id, dataset) {
  const fault = h("div");
  const fetchList = (format) => async () => {
    try {
      await api.save(`/v1/audits/${id}/suspects.${format}`, `suspects-${id}.${format}`);
    } catch (problem) {
      fill(fault, problemBox(problem));
    }
  };
  if (!api.may("export")) return null;
  return h(
    "section",
    {},
    h("h2", {}, "Take it home"),
    h(
      "div",
      { class: "row" },
      button("Export the corrected dataset …", () => openExport(dataset), {
        class: "button primary",
      }),
      button("Report as one file", async () => {
        try {
          await api.save(`/v1/audits/${id}/report.html`, `report-${dataset.name}.html`);
        } catch (problem) {
          fill(fault, problemBox(problem));
        }
      }),
      button("Ranked list as CSV", fetchList("csv")),
      button("Ranked list as Parquet", fetchList("parquet")),
    ),
    fault,
  );
}

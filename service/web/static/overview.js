// The overview of an audit: noise rate, tiers, errors found, noise matrix, classes, issues, downloads.

import * as api from "./api.js";
import { checksSection } from "./checks.js";
import { classesSection } from "./classes.js";
import { dataMap } from "./data-map.js";
import { button, fill, h, problemBox } from "./dom.js";
import { loadingView } from "./empty-state.js";
import { openExport } from "./export.js";
import { findingsSection } from "./findings.js";
import { finePercent, interval } from "./format.js";
import { issuesSection } from "./issues.js";
import { matrixSection } from "./noise-matrix.js";
import { reviewHead } from "./review-head.js";
import { restoreScroll } from "./scroll.js";
import { tiersSection } from "./tiers.js";

/**
 * @param {HTMLElement} main
 * @param {{ id: string }} options
 */
export async function show(main, { id }) {
  fill(main, loadingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Overview of ${dataset.name} · labelaudit`;
  if (audit.status !== "completed") {
    const { showUnfinished } = await import("./unfinished.js");
    return showUnfinished(main, reviewHead(dataset, id, "overview"), audit);
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
        h(
          "div",
          { class: "overview-top" },
          noiseRate(summary, audit),
          tiersSection(summary, found, id),
        ),
        findingsSection(found, id),
        matrixSection(summary, id),
        dataset.kind === "probabilities" ? null : dataMap(id),
        classesSection(summary, id),
        issuesSection(summary, id),
        checksSection(summary),
        downloads(id, dataset),
      ),
    ),
  );
  restoreScroll();
}

/** @param {Summary} options */
function caveats({ cannot_judge: cannot, missing }) {
  if (!cannot.length && !missing.length) return null;
  /** @param {string} text */
  const sentence = (text) =>
    `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
  return h(
    "section",
    { class: "notice slow", "aria-label": "Limits of this audit" },
    h("h2", {}, cannot.length ? "What this audit cannot judge" : "What this audit did not use"),
    cannot.length
      ? h(
          "ul",
          {},
          cannot.map((text) => h("li", {}, sentence(text))),
        )
      : null,
    missing.length
      ? h(
          "ul",
          { class: cannot.length ? "quiet" : "" },
          missing.map((text) => h("li", {}, sentence(text))),
        )
      : null,
  );
}

/**
 * @param {Summary} options
 * @param {Audit} audit
 */
function noiseRate({ noise_rate: rate }, audit) {
  return h(
    "section",
    { class: "noise-rate" },
    h("h2", {}, "Noise rate"),
    h("p", { class: "big" }, interval(rate, finePercent)),
    h(
      "div",
      {
        class: "band",
        "aria-hidden": "true",
        vars: { low: rate.low ?? rate.value, high: rate.high ?? rate.value, p: rate.value },
      },
      h("i", { class: "span" }),
      h("i", { class: "point" }),
    ),
    h(
      "p",
      { class: "quiet" },
      `of the labels are probably wrong (best estimate: ${finePercent(rate.value)}).`,
    ),
    h(
      "p",
      { class: "quiet small" },
      `${datasetVersion(audit)}, audited by ${audit.created_by.name}.`,
    ),
  );
}

/** @param {Audit} options */
const datasetVersion = ({ dataset_version: version }) =>
  version ? `Version ${version} of the dataset` : "Original upload";

/**
 * @param {string} id
 * @param {Dataset} dataset
 */
function downloads(id, dataset) {
  const errors = h("div");
  /** @param {string} format */
  const downloadList = (format) => async () => {
    try {
      await api.save(`/v1/audits/${id}/suspects.${format}`, `suspects-${id}.${format}`);
    } catch (problem) {
      fill(errors, problemBox(problem));
    }
  };
  if (!api.may("export")) return null;
  return h(
    "section",
    {},
    h("h2", {}, "Download"),
    h(
      "div",
      { class: "row" },
      button("Export the corrected dataset …", () => openExport(dataset), {
        class: "button primary",
      }),
      button("Report (HTML)", async () => {
        try {
          await api.save(`/v1/audits/${id}/report.html`, `report-${dataset.name}.html`);
        } catch (problem) {
          fill(errors, problemBox(problem));
        }
      }),
      button("Ranked list (CSV)", downloadList("csv")),
      button("Ranked list (Parquet)", downloadList("parquet")),
    ),
    errors,
  );
}

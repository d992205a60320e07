// Exports the corrected dataset: choose a format, wait, download.

import * as api from "./api.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";
import { bytes, number, plural } from "./format.js";

const FORMATS = [
  ["original", "Original format", "The uploaded file with the labels corrected"],
  ["csv", "CSV", "One row per sample, with the given and the corrected label"],
  ["parquet", "Parquet", "The same columns, for pandas, Arrow and DuckDB"],
  ["patch", "Changes only", "A small file with the corrected labels"],
];
/** @type {Record<string, string>} */
const ENDED = { failed: "The export failed", cancelled: "The export was cancelled" };
const POLL_MS = 800;

/** @param {Dataset} dataset */
export function openExport(dataset) {
  const state = h("div", { class: "export-state", "aria-live": "polite" });
  const choices = FORMATS.map(([value, title, meaning], index) =>
    h(
      "label",
      { class: "choice-line" },
      h("input", { type: "radio", name: "format", value, checked: index === 0 }),
      h("span", {}, h("strong", {}, title), h("span", { class: "quiet small block" }, meaning)),
    ),
  );
  const submitButton = h("button", { type: "submit", class: "button primary" }, "Export");
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    const format = new FormData(/** @type {HTMLFormElement} */ (event.target)).get("format");
    submitButton.disabled = true;
    try {
      if (await exportDataset(dataset, format, state)) {
        submitButton.className = "button";
        submitButton.textContent = "Export again";
      }
    } catch (error) {
      fill(state, problemBox(error));
    }
    submitButton.disabled = false;
  };
  modal(
    `Export ${dataset.name}`,
    h(
      "form",
      { class: "dialog-body", on: { submit } },
      h("fieldset", {}, h("legend", { class: "visually-hidden" }, "Format"), choices),
      state,
      h("div", { class: "row end" }, submitButton),
    ),
  );
}

/**
 * @param {Dataset} dataset
 * @param {FormDataEntryValue | null} format
 * @param {HTMLElement} state
 */
async function exportDataset(dataset, format, state) {
  fill(state, h("p", { class: "working" }, "Preparing the file …"));
  let job = await api.post(`/v1/datasets/${dataset.id}/exports`, { format });
  while (["queued", "running"].includes(job.status)) {
    if (!state.isConnected) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = await api.get(`/v1/exports/${job.id}`);
  }
  if (job.status !== "completed") {
    fill(state, problemBox(job.problem ?? { title: ENDED[job.status] }));
    return false;
  }
  const download = button(
    `Download ${job.filename} (${bytes(job.bytes)})`,
    async () => {
      download.disabled = true;
      try {
        await api.save(job.download_url, job.filename);
      } catch (error) {
        state.append(problemBox(error));
      }
      download.disabled = false;
    },
    { class: "button primary" },
  );
  fill(state, h("p", {}, ready(job)), download);
  announce("The export is ready to download.");
  download.focus();
  return true;
}

/** @param {Api.ExportRead} job */
export function ready({ counts, dataset_version: version }) {
  const place = version ? ` (version ${number(version)})` : "";
  if (!counts) return `Ready${place}`;
  const { changed, kept, excluded } = counts;
  if (!changed && !kept && !excluded)
    return `Ready: no decisions yet, so no labels changed${place}`;
  const parts = [`${plural(changed, "label")} changed`, `${number(kept)} kept`];
  if (excluded) parts.push(`${plural(excluded, "sample")} excluded`);
  return `Ready: ${parts.join(", ")}${place}`;
}

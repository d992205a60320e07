// The corrected dataset: choose a form, wait, download.

import * as api from "./api.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";
import { bytes } from "./format.js";

const FORMATS = [
  ["original", "As it came", "The uploaded form with the corrected labels in place"],
  ["csv", "CSV", "One row a sample, given and corrected label side by side"],
  ["parquet", "Parquet", "The same, for pandas, Arrow and DuckDB"],
  ["patch", "Only the changes", "A small file of what was corrected"],
];
const POLL_MS = 800;

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
  const go = h("button", { type: "submit", class: "button primary" }, "Export");
  const submit = async (event) => {
    event.preventDefault();
    const format = new FormData(event.target).get("format");
    go.disabled = true;
    try {
      if (await make(dataset, format, state)) {
        go.className = "button";
        go.textContent = "Export again";
      }
    } catch (error) {
      fill(state, problemBox(error));
    }
    go.disabled = false;
  };
  modal(
    `Export ${dataset.name}`,
    h(
      "form",
      { class: "dialog-body", on: { submit } },
      h("fieldset", {}, h("legend", { class: "visually-hidden" }, "Form"), choices),
      state,
      h("div", { class: "row end" }, go),
    ),
  );
}

async function make(dataset, format, state) {
  fill(state, h("p", { class: "working" }, "Writing the file …"));
  let made = await api.post(`/v1/datasets/${dataset.id}/exports`, { format });
  while (["queued", "running"].includes(made.status)) {
    if (!state.isConnected) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    made = await api.get(`/v1/exports/${made.id}`);
  }
  if (made.status !== "completed") {
    fill(state, problemBox(made.problem ?? { title: `The export is ${made.status}` }));
    return false;
  }
  const download = button(
    `Download ${made.filename} (${bytes(made.bytes)})`,
    async () => {
      download.disabled = true;
      try {
        await api.save(made.download_url, made.filename);
      } catch (error) {
        state.append(problemBox(error));
      }
      download.disabled = false;
    },
    { class: "button primary" },
  );
  fill(state, h("p", {}, `Version ${made.dataset_version} is written.`), download);
  announce("The export is ready to download.");
  download.focus();
  return true;
}

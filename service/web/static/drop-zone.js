// Where a file is dropped or chosen, and the progress of its upload.

import { SINGLE_ROLES } from "./column-roles.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { bytes, percent } from "./format.js";
import { uploadFile } from "./upload.js";

const COLUMNS = [
  ["label_column", SINGLE_ROLES.label],
  ["sample_id_column", SINGLE_ROLES.sample_id],
  ["text_column", SINGLE_ROLES.text],
  ["file_column", SINGLE_ROLES.file],
];

/** @param {(dataset: Dataset) => void} onUploaded */
export function dropZone(onUploaded) {
  const input = h("input", {
    type: "file",
    id: "file",
    class: "visually-hidden",
    accept: ".zip,.csv,.tsv,.jsonl,.ndjson,.json,.parquet,.npz",
  });
  const columns = Object.fromEntries(
    COLUMNS.map(([name]) => [
      name,
      h("input", { id: name, autocomplete: "off", spellcheck: "false", maxlength: "200" }),
    ]),
  );
  const state = h("div", { class: "upload-state" });
  const zone = h(
    "div",
    { class: "drop" },
    input,
    h(
      "label",
      { for: "file", class: "drop-label" },
      h(
        "span",
        {},
        h("strong", {}, "Drop a labeled dataset here"),
        " or ",
        h("span", { class: "link" }, "choose a file"),
      ),
      h(
        "span",
        { class: "quiet small" },
        "ZIP with one folder per class, CSV, TSV, JSON Lines, Parquet or NPZ",
      ),
    ),
    h(
      "details",
      { class: "columns" },
      h("summary", {}, "Specify columns"),
      h(
        "p",
        { class: "quiet small" },
        "Only needed if the automatic detection is wrong. Empty fields are detected.",
      ),
      h(
        "div",
        { class: "column-fields" },
        COLUMNS.map(([name, title]) => h("label", { for: name }, title, columns[name])),
      ),
    ),
    state,
  );
  /** @param {File | undefined} file */
  const begin = (file) => {
    if (file) send(file, state, zone, columns, onUploaded);
    input.value = "";
  };
  input.addEventListener("change", () => begin(input.files?.[0]));
  acceptDrops(zone, begin);
  return zone;
}

/**
 * @param {HTMLElement} zone
 * @param {(file: File | undefined) => void} begin
 */
function acceptDrops(zone, begin) {
  // The whole page accepts drops, so that a file dropped outside the box does not replace the page.
  /**
   * @param {DragEvent} event
   * @param {boolean} on
   */
  const highlight = (event, on) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  document.addEventListener("dragover", (event) => highlight(event, true));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) highlight(event, false);
  });
  document.addEventListener("drop", (event) => {
    highlight(event, false);
    begin(event.dataTransfer?.files[0]);
  });
}

/**
 * @param {File} file
 * @param {HTMLElement} state
 * @param {HTMLElement} zone
 * @param {Record<string, HTMLInputElement>} columns
 * @param {(dataset: Dataset) => void} onUploaded
 */
async function send(file, state, zone, columns, onUploaded) {
  const bar = h("progress", { max: "1", value: 0, "aria-label": `Upload of ${file.name}` });
  const progress = h("span", { class: "quiet" });
  /** @type {UploadQuery} */
  const query = { filename: file.name };
  for (const [name, field] of Object.entries(columns)) query[name] = field.value.trim();
  const fallback = h("p", { class: "quiet small" });
  const upload = uploadFile(file, query, {
    onProgress: (sent) => {
      bar.value = sent;
      progress.textContent = sent < 1 ? `${percent(sent)} of ${bytes(file.size)}` : "saving …";
    },
    onFallback: (reason) => {
      fallback.textContent = reason;
      announce(reason);
    },
  });
  fill(
    state,
    h(
      "div",
      { class: "audit-line" },
      h("span", {}, `Uploading ${file.name}`),
      progress,
      button("Cancel", upload.stop, { class: "link-button" }),
    ),
    bar,
    fallback,
  );
  zone.classList.add("busy");
  try {
    const dataset = await upload.answer;
    fill(state);
    announce(`${file.name} is uploaded and is being processed.`);
    onUploaded(dataset);
  } catch (error) {
    if (error.name === "AbortError") fill(state);
    else fill(state, problemBox(error));
  } finally {
    zone.classList.remove("busy");
  }
}

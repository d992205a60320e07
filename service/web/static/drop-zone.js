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
  const input = h("input", { type: "file", id: "file", class: "visually-hidden" });
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
        "ZIP or tar with one folder per class, a spreadsheet, CSV, JSON Lines, Parquet or NPZ",
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
  acceptDrops(zone, (dropped) => {
    const problem = dropProblem(dropped);
    if (problem) {
      fill(state, problemBox(problem));
      return announce(problem.title);
    }
    return begin(dropped?.files[0]);
  });
  return zone;
}

/**
 * What is wrong with what was dropped: a browser hands over a folder as a file that cannot be read,
 * and of several files only one would be sent.
 * @param {DataTransfer | null} dropped
 */
export function dropProblem(dropped) {
  const entries = [...(dropped?.items ?? [])].map((item) => item.webkitGetAsEntry?.());
  const folder = entries.find((entry) => entry?.isDirectory);
  if (folder) {
    return {
      title: "A folder cannot be uploaded as it is",
      detail: `Compress ${folder.name} to a ZIP file, then drop that.`,
    };
  }
  const count = dropped?.files.length ?? 0;
  if (count < 2) return null;
  return {
    title: `You dropped ${count} files`,
    detail: "A dataset is one file. Put them into one ZIP file if they belong together.",
  };
}

/**
 * @param {HTMLElement} zone
 * @param {(dropped: DataTransfer | null) => unknown} take
 */
function acceptDrops(zone, take) {
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
    take(event.dataTransfer);
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
      progress.textContent = sent < 1 ? `${percent(sent)} of ${bytes(file.size)}` : "Saving …";
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
    announce(`${file.name} was uploaded and is being read.`);
    onUploaded(dataset);
  } catch (error) {
    if (error.name === "AbortError") fill(state);
    else fill(state, problemBox(error));
  } finally {
    zone.classList.remove("busy");
  }
}

// Drop a file or choose one, and see how far it is.

import { announce, button, fill, h, problemBox } from "./dom.js";
import { bytes, percent } from "./format.js";
import { send as transfer } from "./transfer.js";

const COLUMNS = [
  ["label_column", "Label"],
  ["sample_id_column", "Sample id"],
  ["text_column", "Text"],
  ["file_column", "Image file"],
];

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
        "Zip of class folders, CSV, TSV, JSON Lines, Parquet or NPZ",
      ),
    ),
    h(
      "details",
      { class: "columns" },
      h("summary", {}, "Name the columns"),
      h(
        "p",
        { class: "quiet small" },
        "Only where the guess would be wrong; what is left empty is found out.",
      ),
      h(
        "div",
        { class: "column-fields" },
        COLUMNS.map(([name, title]) => h("label", { for: name }, title, columns[name])),
      ),
    ),
    state,
  );
  const begin = (file) => {
    if (file) send(file, state, zone, columns, onUploaded);
    input.value = "";
  };
  input.addEventListener("change", () => begin(input.files[0]));
  acceptDrops(zone, begin);
  return zone;
}

function acceptDrops(zone, begin) {
  // The whole page takes the drop, so that a file let go beside the box does not replace the page.
  const over = (event, on) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  document.addEventListener("dragover", (event) => over(event, true));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) over(event, false);
  });
  document.addEventListener("drop", (event) => {
    over(event, false);
    begin(event.dataTransfer?.files[0]);
  });
}

async function send(file, state, zone, columns, onUploaded) {
  const bar = h("progress", { max: "1", value: 0, "aria-label": `Upload of ${file.name}` });
  const share = h("span", { class: "quiet" });
  const query = { filename: file.name };
  for (const [name, field] of Object.entries(columns)) query[name] = field.value.trim();
  const detour = h("p", { class: "quiet small" });
  const sending = transfer(file, query, {
    onProgress: (sent) => {
      bar.value = sent;
      share.textContent = sent < 1 ? `${percent(sent)} of ${bytes(file.size)}` : "storing …";
    },
    onDetour: (why) => {
      detour.textContent = why;
      announce(why);
    },
  });
  fill(
    state,
    h(
      "div",
      { class: "audit-line" },
      h("span", {}, `Uploading ${file.name}`),
      share,
      button("Stop", sending.stop, { class: "link-button" }),
    ),
    bar,
    detour,
  );
  zone.classList.add("busy");
  try {
    const dataset = await sending.answer;
    fill(state);
    announce(`${file.name} is uploaded and is being read.`);
    onUploaded(dataset);
  } catch (error) {
    if (error.name === "AbortError") fill(state);
    else fill(state, problemBox(error));
  } finally {
    zone.classList.remove("busy");
  }
}

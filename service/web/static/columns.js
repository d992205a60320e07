// What each column of an upload was taken for, to be corrected without sending the file again.

import * as api from "./api.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";
import { number, shorten } from "./format.js";

const SINGLE = {
  label: "Label",
  sample_id: "Sample id",
  text: "Text",
  file: "Image file",
  embedding: "Embedding",
  pred_probs: "Probabilities",
};
const ROLES = { ...SINGLE, feature: "Feature", ignored: "Not used" };

/** Opens the editor; `onReread(dataset)` gets the dataset, which is being read anew. */
export async function openColumns(dataset, onReread) {
  const body = h("div", { class: "dialog-body" }, h("p", { class: "quiet" }, "Loading …"));
  const dialog = modal(`Columns of ${shorten(dataset.name, 40)}`, body, { wide: true });
  try {
    const { items } = await api.get(`/v1/datasets/${dataset.id}/columns`);
    fill(body, editor(dataset, items, dialog, onReread));
  } catch (problem) {
    fill(body, problemBox(problem));
  }
}

function editor(dataset, items, dialog, onReread) {
  const faults = h("div");
  const rows = items.map((column) => ({ column, select: roleSelect(column) }));
  for (const { select } of rows) {
    // A role that only one column can have moves: the column that had it is left to be guessed.
    select.addEventListener("change", () => {
      if (!(select.value in SINGLE)) return;
      for (const { select: other } of rows)
        if (other !== select && other.value === select.value) other.value = "";
    });
  }
  const go = h("button", { type: "submit", class: "button primary" }, "Read it again");
  const submit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      const news = await api.post(`/v1/datasets/${dataset.id}/columns`, chosen(rows));
      dialog.close();
      announce(`${dataset.name} is being read again.`);
      onReread(news);
    } catch (problem) {
      fill(faults, problemBox(problem));
      go.disabled = false;
    }
  };
  return h(
    "form",
    { class: "columns-form", on: { submit } },
    h(
      "p",
      {},
      "Say what each column is. What is left to be guessed is found out by name and content; the file stays here and is read again.",
    ),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Columns" },
      h(
        "table",
        { class: "table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Column", "Examples", "Taken for"].map((title) => h("th", { scope: "col" }, title)),
          ),
        ),
        h("tbody", {}, rows.map(row)),
      ),
    ),
    faults,
    h(
      "div",
      { class: "row end" },
      button("Leave it", () => dialog.close()),
      go,
    ),
  );
}

function row({ column, select }) {
  const missing = column.missing
    ? h("span", { class: "quiet small block" }, `${number(column.missing)} missing`)
    : null;
  return h(
    "tr",
    {},
    h("th", { scope: "row", dir: "auto" }, h("code", {}, shorten(column.name, 60)), missing),
    h(
      "td",
      { class: "quiet small", dir: "auto" },
      column.examples.slice(0, 3).map((example) => h("span", { class: "block" }, shorten(example, 60))),
    ),
    h("td", {}, select),
  );
}

function roleSelect(column) {
  const select = h(
    "select",
    { "aria-label": `What ${column.name} is` },
    h("option", { value: "" }, "Guess"),
    Object.entries(ROLES).map(([value, title]) => h("option", { value }, title)),
  );
  select.value = column.role ?? "";
  return select;
}

/** The body of `POST …/columns`: every role that was named, features only where some were. */
function chosen(rows) {
  const named = (role) =>
    rows.filter(({ select }) => select.value === role).map(({ column }) => column.name);
  const roles = { ignored: named("ignored") };
  for (const role of Object.keys(SINGLE)) {
    const [name] = named(role);
    if (name !== undefined) roles[role] = name;
  }
  const features = named("feature");
  if (features.length) roles.features = features;
  return roles;
}

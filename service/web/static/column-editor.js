// Edits the detected role of each column without uploading the file again.

import * as api from "./api.js";
import { SINGLE_ROLES } from "./column-roles.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";
import { number, shorten } from "./format.js";

/** @typedef {{ column: Api.ColumnRead, select: HTMLSelectElement }} Row */

const ROLES = { ...SINGLE_ROLES, feature: "Feature", ignored: "Not used" };

/**
 * `onReread(dataset)` gets the dataset, which is being read again.
 * @param {Dataset} dataset
 * @param {(dataset: Dataset) => void} onReread
 */
export async function openColumnEditor(dataset, onReread) {
  const body = h("div", { class: "dialog-body" }, h("p", { class: "quiet" }, "Loading …"));
  const dialog = modal(`Columns of ${shorten(dataset.name, 40)}`, body, { wide: true });
  try {
    const { items } = await api.getAll(`/v1/datasets/${dataset.id}/columns`);
    fill(body, editor(dataset, items, dialog, onReread));
  } catch (problem) {
    fill(body, problemBox(problem));
  }
}

/**
 * @param {Dataset} dataset
 * @param {Api.ColumnRead[]} items
 * @param {HTMLDialogElement} dialog
 * @param {(dataset: Dataset) => void} onReread
 */
function editor(dataset, items, dialog, onReread) {
  const errors = h("div");
  const rows = items.map((column) => ({ column, select: roleSelect(column) }));
  for (const { select } of rows) {
    // Only one column can have such a role: the column that had it is detected again.
    select.addEventListener("change", () => {
      if (!(select.value in SINGLE_ROLES)) return;
      for (const { select: other } of rows)
        if (other !== select && other.value === select.value) other.value = "";
    });
  }
  const apply = h("button", { type: "submit", class: "button primary" }, "Apply");
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    apply.disabled = true;
    try {
      const updated = await api.post(`/v1/datasets/${dataset.id}/columns`, chosenRoles(rows));
      dialog.close();
      announce(`${dataset.name} is being read again.`);
      onReread(updated);
    } catch (problem) {
      fill(errors, problemBox(problem));
      apply.disabled = false;
    }
  };
  return h(
    "form",
    { class: "columns-form", on: { submit } },
    h(
      "p",
      {},
      "Set the role of each column. Roles set to “Detect” are detected from the column's name and content. You don't need to upload the file again.",
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
            ["Column", "Examples", "Use as"].map((title) => h("th", { scope: "col" }, title)),
          ),
        ),
        h("tbody", {}, rows.map(row)),
      ),
    ),
    errors,
    h(
      "div",
      { class: "row end" },
      button("Cancel", () => dialog.close()),
      apply,
    ),
  );
}

/** @param {Row} options */
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
      column.examples
        .slice(0, 3)
        .map((example) => h("span", { class: "block" }, shorten(example, 60))),
    ),
    h("td", {}, select),
  );
}

/** @param {Api.ColumnRead} column */
function roleSelect(column) {
  const select = h(
    "select",
    { "aria-label": `Use ${column.name} as` },
    h("option", { value: "" }, "Detect"),
    Object.entries(ROLES).map(([value, title]) => h("option", { value }, title)),
  );
  select.value = column.role ?? "";
  return select;
}

/**
 * The body of `POST …/columns`: every role that was named, features only where some were.
 * @param {Row[]} rows
 */
function chosenRoles(rows) {
  /** @param {string} role */
  const named = (role) =>
    rows.filter(({ select }) => select.value === role).map(({ column }) => column.name);
  /** @type {Record<string, string | string[]>} */
  const roles = { ignored: named("ignored") };
  for (const role of Object.keys(SINGLE_ROLES)) {
    const [name] = named(role);
    if (name !== undefined) roles[role] = name;
  }
  const features = named("feature");
  if (features.length) roles.features = features;
  return roles;
}

// Opens the export, or says who may export.

import { may } from "./api.js";
import { button, h, modal } from "./dom.js";

/**
 * @param {Dataset} dataset
 * @param {string} text
 * @param {string} kind
 */
export const exportButton = (dataset, text, kind) =>
  button(text, () => open(dataset), { class: kind });

/** @param {Dataset} dataset */
async function open(dataset) {
  if (may("export")) (await import("./export.js")).openExport(dataset);
  else sayWhoMay(dataset);
}

/** @param {Dataset} dataset */
function sayWhoMay(dataset) {
  modal(
    "You cannot export",
    h(
      "div",
      { class: "dialog-body" },
      h(
        "p",
        {},
        "Your key may review, but not export. ",
        h("strong", { dir: "auto" }, dataset.created_by.name),
        " uploaded this dataset and can export it; so can every admin.",
      ),
      h("p", { class: "quiet" }, "Your decisions are saved, and every export contains them."),
    ),
  );
}

// The guidelines of a dataset: what every annotator reads, and whoever leads writes.

import * as api from "./api.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";
import { markdown, sections, sectionView } from "./markdown.js";

const MAX_LENGTH = 100_000;

/**
 * `item` is the sample on the page: the descriptions of its classes come first.
 * @param {Dataset} dataset
 * @param {Suspect | null} item
 */
export async function openGuidelines(dataset, item) {
  const body = h("div", { class: "dialog-body guidelines" });
  modal("Guidelines", body, { wide: true });
  try {
    // somebody may have changed them since the page was opened
    dataset.guidelines = (await api.get(`/v1/datasets/${dataset.id}`)).guidelines;
  } catch (problem) {
    body.append(problemBox(problem));
  }
  read(body, dataset, item);
}

/**
 * @param {HTMLElement} body
 * @param {Dataset} dataset
 * @param {Suspect | null} item
 */
function read(body, dataset, item) {
  const written = dataset.guidelines.trim() !== "";
  const mayWrite = api.may("datasets:write");
  fill(
    body,
    item && written ? ofThisSample(dataset.guidelines, item) : null,
    written
      ? markdown(dataset.guidelines)
      : h(
          "p",
          { class: "quiet" },
          "Nobody has written guidelines for this dataset yet. ",
          mayWrite ? "" : `Ask ${dataset.created_by.name}, who uploaded it.`,
        ),
    mayWrite
      ? h(
          "div",
          { class: "row end" },
          button(written ? "Edit" : "Write guidelines", () => write(body, dataset, item)),
        )
      : null,
  );
}

/**
 * The sections whose headings are the given and the suggested class.
 * @param {string} text
 * @param {Suspect} item
 */
function ofThisSample(text, { given_label: given, suggested_label: suggested }) {
  const names = [given, suggested];
  const found = sections(text).filter(({ title }) => title !== "" && names.includes(title));
  if (!found.length) return null;
  return h(
    "section",
    { class: "markdown these-classes", "aria-label": "Classes of this sample", dir: "auto" },
    found.map((section) => h("div", {}, sectionView({ ...section, level: 2 }))),
  );
}

/**
 * @param {HTMLElement} body
 * @param {Dataset} dataset
 * @param {Suspect | null} item
 */
function write(body, dataset, item) {
  const text = h("textarea", {
    id: "guidelines-text",
    rows: 16,
    maxlength: MAX_LENGTH,
    value: dataset.guidelines,
    "aria-describedby": "guidelines-help",
  });
  const problem = h("div");
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    try {
      const saved = await api.patch(`/v1/datasets/${dataset.id}`, { guidelines: text.value });
      dataset.guidelines = saved.guidelines;
      announce("Guidelines saved.");
      read(body, dataset, item);
    } catch (error) {
      fill(problem, problemBox(error));
    }
  };
  fill(
    body,
    h(
      "form",
      { class: "guidelines-form", on: { submit } },
      h("label", { for: "guidelines-text" }, "Guidelines, in Markdown"),
      text,
      h(
        "p",
        { id: "guidelines-help", class: "quiet small" },
        "A heading with the name of a class describes that class. It is shown first at samples of that class, and at samples with that suggestion.",
      ),
      problem,
      h(
        "div",
        { class: "row end" },
        button("Cancel", () => read(body, dataset, item), { class: "link-button" }),
        h("button", { type: "submit", class: "button primary" }, "Save"),
      ),
    ),
  );
  text.focus();
}

// How the service read a dataset: its format, the role of each column, its classes.

import { SINGLE_ROLES } from "./column-roles.js";
import { h } from "./dom.js";
import { number, shorten } from "./format.js";

const LISTED = 40; // of the features, of the unused columns and of the classes

/**
 * @param {Dataset} dataset
 * @param {boolean} open
 * @param {Child[]} actions
 */
export function detectedColumns(dataset, open, actions) {
  const columns = dataset.columns ?? {};
  const features = columns.features ?? {};
  const names = Array.isArray(features)
    ? features.map((name) => [name, ""])
    : Object.entries(features);
  const rows = Object.entries(SINGLE_ROLES)
    .filter(([role]) => columns[role])
    .map(([role, title]) => [title, code(columns[role])]);
  if (names.length)
    rows.push([
      "Features",
      h("ul", { class: "inline" }, names.slice(0, LISTED).map(feature), more(names)),
    ]);
  if (columns.ignored?.length)
    rows.push([
      "Not used",
      h(
        "ul",
        { class: "inline" },
        columns.ignored
          .slice(0, LISTED)
          .map((/** @type {string} */ name) => h("li", {}, code(name))),
        more(columns.ignored),
      ),
    ]);
  rows.push([
    "Classes",
    h(
      "ul",
      { class: "inline" },
      dataset.class_names.slice(0, LISTED).map((name) => h("li", {}, shorten(name))),
      more(dataset.class_names),
    ),
  ]);
  return h(
    "details",
    { class: "detected-columns", open },
    h("summary", {}, `Detected: ${describeFormat(dataset)}`),
    h(
      "dl",
      { class: "pairs" },
      rows.map(([title, value]) => h("div", {}, h("dt", {}, title), h("dd", {}, value))),
    ),
    actions.length ? h("div", { class: "row" }, actions) : null,
  );
}

/** @param {string} name */
const code = (name) => h("code", {}, shorten(String(name), 80));
/** @param {string[]} entry */
const feature = ([name, type]) =>
  h(
    "li",
    {},
    code(name),
    type === "categorical" ? h("span", { class: "quiet small" }, " categorical") : null,
  );
/** @param {unknown[]} items */
const more = (items) =>
  items.length > LISTED
    ? h("li", { class: "quiet" }, `and ${number(items.length - LISTED)} more`)
    : null;

/** @type {Record<string, string>} */
const KINDS = {
  image: "images",
  text: "texts",
  table: "table rows",
  vector: "vectors",
  probabilities: "class probabilities",
};
/** @type {Record<string, string>} */
const FORMATS = {
  imagefolder: "in class folders",
  textfolder: "in class folders",
  "image-manifest": "with a table",
  "array-manifest": "with a table",
  csv: "in a CSV file",
  tsv: "in a TSV file",
  jsonl: "in a JSON Lines file",
  parquet: "in a Parquet file",
  npz: "in an NPZ file",
};

/** @param {Dataset} options */
const describeFormat = ({ kind, format }) =>
  `${KINDS[kind ?? ""] ?? kind} ${FORMATS[format ?? ""] ?? `(${format})`}`;

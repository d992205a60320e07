// The start page: upload, the datasets with their detected columns, the audits with their progress.

import * as api from "./api.js";
import { auditRow } from "./audits.js";
import { openColumnEditor } from "./column-editor.js";
import { SINGLE_ROLES } from "./column-roles.js";
import { button, fill, h, problemBox } from "./dom.js";
import { dropZone } from "./drop-zone.js";
import { openExport } from "./export.js";
import { ago, bytes, number, plural, shorten } from "./format.js";
import { openMembers } from "./members.js";
import { openStartAudit } from "./start-audit.js";

const POLL_MS = 1200;
const LISTED_CLASSES = 40;

/**
 * @typedef {object} Home
 * @property {HTMLElement} list
 * @property {boolean} mayUpload
 * @property {Map<string, Audit[]>} audits by dataset
 * @property {Dataset[]} added uploaded since the page was opened
 */

/** @param {HTMLElement} main */
export async function show(main) {
  document.title = "Datasets · labelaudit";
  const mayUpload = api.may("datasets:write");
  const list = h("div", { class: "datasets", "aria-busy": "true" }, skeleton(), skeleton());
  /** @type {Home} */
  const home = { list, mayUpload, audits: new Map(), added: [] };
  fill(
    main,
    h(
      "div",
      { class: "page" },
      h("h1", {}, "Datasets"),
      mayUpload ? dropZone((dataset) => addDataset(home, dataset)) : null,
      list,
    ),
  );
  /** @type {[Api.Page_DatasetRead_, Api.Page_AuditRead_]} */
  const [datasets, audits] = await Promise.all([
    api.get("/v1/datasets", { query: { limit: 50 } }),
    api.get("/v1/audits", { query: { limit: 200 } }),
  ]);
  for (const audit of audits.items) {
    home.audits.set(audit.dataset_id, [...(home.audits.get(audit.dataset_id) ?? []), audit]);
  }
  list.setAttribute("aria-busy", "false");
  const listed = new Set(datasets.items.map((dataset) => dataset.id));
  const uploadedMeanwhile = home.added.filter((dataset) => !listed.has(dataset.id));
  const shown = [...uploadedMeanwhile, ...datasets.items];
  fill(list, shown.length ? shown.map((dataset) => section(home, dataset)) : empty(mayUpload));
  addOlderButton(home, datasets.next_cursor);
}

/**
 * @param {Home} home
 * @param {Dataset} dataset
 */
function addDataset(home, dataset) {
  home.added.unshift(dataset);
  home.list.querySelector(".empty")?.remove();
  const added = section(home, dataset);
  home.list.prepend(added);
  added.scrollIntoView({ block: "nearest" });
}

/**
 * @param {Home} home
 * @param {string | null} cursor
 */
function addOlderButton(home, cursor) {
  if (!cursor) return;
  const more = button("Show older datasets", async () => {
    /** @type {Api.Page_DatasetRead_} */
    const page = await api.get("/v1/datasets", { query: { limit: 50, cursor } });
    more.replaceWith(...page.items.map((dataset) => section(home, dataset)));
    addOlderButton(home, page.next_cursor);
  });
  home.list.append(more);
}

/** @param {boolean} mayUpload */
function empty(mayUpload) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "empty-title" }, "No datasets yet"),
    h(
      "p",
      { class: "quiet" },
      mayUpload
        ? "Upload a labeled dataset to find its wrong labels. You don't need a model, predictions or settings."
        : "Datasets appear here once someone uploads one and shares it with you.",
    ),
  );
}

const skeleton = () =>
  h("div", { class: "dataset skeleton", "aria-hidden": "true" }, h("div"), h("div"), h("div"));

/**
 * @param {Home} home
 * @param {Dataset} dataset
 */
function section(home, dataset) {
  const element = h("article", { class: "dataset", "aria-label": dataset.name });
  draw(home, element, dataset);
  if (dataset.status === "processing") watch(home, element, dataset.id);
  return element;
}

/**
 * @param {Home} home
 * @param {HTMLElement} element
 * @param {string} id
 */
async function watch(home, element, id) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!element.isConnected) return;
    try {
      const dataset = await api.get(`/v1/datasets/${id}`);
      if (dataset.status === "processing") continue;
      draw(home, element, dataset);
      return;
    } catch (error) {
      if (!error.retryable) return;
    }
  }
}

/**
 * @param {Home} home
 * @param {HTMLElement} element
 * @param {Dataset} dataset
 */
function draw(home, element, dataset) {
  const audits = home.audits.get(dataset.id) ?? [];
  const rows = h(
    "div",
    { class: "audits" },
    audits.map((audit) => auditRow(audit, home.mayUpload)),
  );
  /** @param {Audit} audit */
  const started = (audit) => {
    home.audits.set(dataset.id, [audit, ...(home.audits.get(dataset.id) ?? [])]);
    rows.prepend(auditRow(audit, home.mayUpload));
  };
  fill(
    element,
    h(
      "div",
      { class: "dataset-head" },
      h("div", {}, h("h2", {}, dataset.name), h("p", { class: "quiet facts" }, facts(dataset))),
      dataset.status === "ready" ? actions(home, dataset, started, audits.length === 0) : null,
    ),
    dataset.status === "processing"
      ? h("p", { class: "working", role: "status" }, "Reading the file and checking each sample …")
      : null,
    dataset.status === "rejected"
      ? problemBox(dataset.problem ?? {}, {
          title: dataset.problem?.title ?? "We couldn't read this file",
          actions: home.mayUpload
            ? [...editColumnsButton(home, element, dataset), removeButton(element, dataset)]
            : [],
        })
      : null,
    (dataset.warnings ?? []).length
      ? h(
          "ul",
          { class: "warnings" },
          dataset.warnings.map((warning) => h("li", {}, warning)),
        )
      : null,
    dataset.status === "ready"
      ? detectedColumns(
          dataset,
          audits.length === 0,
          home.mayUpload && !audits.length ? editColumnsButton(home, element, dataset) : [],
        )
      : null,
    rows,
  );
}

/**
 * A button, if the service still has the file and no audit used its columns yet.
 * @param {Home} home
 * @param {HTMLElement} element
 * @param {Dataset} dataset
 */
function editColumnsButton(home, element, dataset) {
  const container = h("span", { hidden: true });
  /** @param {Dataset} updated */
  const onReread = (updated) => {
    draw(home, element, updated);
    watch(home, element, updated.id);
  };
  api.get(`/v1/datasets/${dataset.id}/columns`).then(
    ({ items }) => {
      if (!items.length) return;
      fill(
        container,
        button("Edit the columns", () => openColumnEditor(dataset, onReread)),
      );
      container.hidden = false;
    },
    () => {}, // the file cannot be read again
  );
  return [container];
}

/**
 * A rejected file holds no data, so it is removed without asking.
 * @param {HTMLElement} element
 * @param {Dataset} dataset
 */
function removeButton(element, dataset) {
  const act = async () => {
    try {
      await api.remove(`/v1/datasets/${dataset.id}`);
      element.remove();
    } catch (error) {
      element.append(problemBox(error));
    }
  };
  return button("Remove from the list", act, { class: "link-button" });
}

/** @param {Dataset} dataset */
function facts(dataset) {
  const counts =
    dataset.status === "ready"
      ? [
          `${plural(dataset.sample_count, dataset.kind === "text" ? "text" : dataset.kind === "image" ? "image" : "row")}`,
          plural(dataset.class_names.length, "class", "classes"),
        ]
      : [];
  if (dataset.sample_count > dataset.labeled_count) {
    counts.push(`${number(dataset.sample_count - dataset.labeled_count)} without a label`);
  }
  if (dataset.version) counts.push(`version ${number(dataset.version)}`);
  return [
    ...counts,
    bytes(dataset.bytes),
    `uploaded ${ago(dataset.created_at)} by ${dataset.created_by}`,
  ].join(" · ");
}

/**
 * @param {Home} home
 * @param {Dataset} dataset
 * @param {(audit: Audit) => void} started
 * @param {boolean} first
 */
function actions(home, dataset, started, first) {
  return h(
    "div",
    { class: "row" },
    home.mayUpload
      ? button("People …", () => openMembers(dataset), {
          "aria-label": `Who can see ${dataset.name}`,
        })
      : null,
    dataset.version > 0 && api.may("export") ? button("Export …", () => openExport(dataset)) : null,
    home.mayUpload
      ? button(first ? "Start audit" : "Audit again", () => openStartAudit(dataset, started), {
          class: first ? "button primary" : "button",
        })
      : null,
  );
}

/**
 * @param {Dataset} dataset
 * @param {boolean} open
 * @param {Child[]} actions
 */
function detectedColumns(dataset, open, actions) {
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
      h("ul", { class: "inline" }, names.slice(0, LISTED_CLASSES).map(feature), more(names)),
    ]);
  if (columns.ignored?.length)
    rows.push([
      "Not used",
      h(
        "ul",
        { class: "inline" },
        columns.ignored
          .slice(0, LISTED_CLASSES)
          .map((/** @type {string} */ name) => h("li", {}, code(name))),
        more(columns.ignored),
      ),
    ]);
  rows.push([
    "Classes",
    h(
      "ul",
      { class: "inline" },
      dataset.class_names.slice(0, LISTED_CLASSES).map((name) => h("li", {}, shorten(name))),
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
  items.length > LISTED_CLASSES
    ? h("li", { class: "quiet" }, `and ${number(items.length - LISTED_CLASSES)} more`)
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

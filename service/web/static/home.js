// The start page: upload, the datasets with their detected columns, the audits with their progress.

import * as api from "./api.js";
import { auditRow } from "./audits.js";
import { openColumnEditor } from "./column-editor.js";
import { detectedColumns } from "./detected-columns.js";
import { button, fill, h, problemBox } from "./dom.js";
import { dropZone } from "./drop-zone.js";
import { openExport } from "./export.js";
import { ago, bytes, number, plural } from "./format.js";
import { openMembers } from "./members.js";
import { openStartAudit } from "./start-audit.js";

const POLL_MS = 1200;
/** @type {Partial<Record<Api.JobStatus, string>>} */
const READING = { queued: "Waiting to be processed", running: "Reading the file" };

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
  const datasets = await loadDatasets(home, null);
  list.setAttribute("aria-busy", "false");
  const listed = new Set(datasets.items.map((dataset) => dataset.id));
  const uploadedMeanwhile = home.added.filter((dataset) => !listed.has(dataset.id));
  const shown = [...uploadedMeanwhile, ...datasets.items];
  fill(list, shown.length ? shown.map((dataset) => section(home, dataset)) : empty(mayUpload));
  addOlderButton(home, datasets.next_cursor);
}

/**
 * A page of datasets, newest first. No audit of a dataset is older than the dataset.
 * @param {Home} home
 * @param {string | null} cursor
 * @returns {Promise<Api.Page_DatasetRead_>}
 */
async function loadDatasets(home, cursor) {
  const page = await api.get("/v1/datasets", { query: { limit: 50, cursor } });
  const oldest = page.items.at(-1);
  if (!oldest) return page;
  /** @type {Api.Page_AuditRead_} */
  const audits = await api.getAll("/v1/audits", { created_after: oldest.created_at });
  home.audits = Map.groupBy(audits.items, (audit) => audit.dataset_id);
  return page;
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
    const page = await loadDatasets(home, cursor);
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
  if (dataset.status in READING) watch(home, element, dataset);
  return element;
}

/**
 * @param {Home} home
 * @param {HTMLElement} element
 * @param {Dataset} dataset
 */
async function watch(home, element, dataset) {
  let drawn = dataset.status;
  while (drawn in READING) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!element.isConnected) return;
    try {
      /** @type {Dataset} */
      const now = await api.get(`/v1/datasets/${dataset.id}`);
      if (now.status !== drawn) draw(home, element, now);
      drawn = now.status;
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
    if (audits.length)
      rows.prepend(auditRow(audit, home.mayUpload)); // the others are being followed
    else draw(home, element, dataset);
  };
  fill(
    element,
    h(
      "div",
      { class: "dataset-head" },
      h("div", {}, h("h2", {}, dataset.name), h("p", { class: "quiet facts" }, facts(dataset))),
      dataset.status === "completed" ? actions(home, dataset, started, audits.length === 0) : null,
    ),
    dataset.status in READING
      ? h("p", { class: "working", role: "status" }, `${READING[dataset.status]} …`)
      : null,
    dataset.status === "failed"
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
    dataset.status === "completed"
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
    watch(home, element, updated);
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
 * A file that could not be read holds no data, so it is removed without asking.
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
    dataset.status === "completed"
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
    `uploaded ${ago(dataset.created_at)} by ${dataset.created_by.name}`,
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

// The first view: upload, datasets with what was understood of them, audits with their progress.

import * as api from "./api.js";
import { auditRow } from "./audits.js";
import { openColumns } from "./columns.js";
import { button, fill, h, problemBox } from "./dom.js";
import { openExport } from "./export.js";
import { ago, bytes, number, plural, shorten } from "./format.js";
import { openMembers } from "./members.js";
import { openStart } from "./start.js";
import { dropZone } from "./upload.js";

const POLL_MS = 1200;
const LISTED_CLASSES = 40;

export async function show(main, { me }) {
  document.title = "Datasets · labelaudit";
  const mayUpload = api.may("datasets:write");
  const list = h("div", { class: "datasets", "aria-busy": "true" }, skeleton(), skeleton());
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
  const [datasets, audits] = await Promise.all([
    api.get("/v1/datasets", { query: { limit: 50 } }),
    api.get("/v1/audits", { query: { limit: 200 } }),
  ]);
  for (const audit of audits.items) {
    home.audits.set(audit.dataset_id, [...(home.audits.get(audit.dataset_id) ?? []), audit]);
  }
  list.setAttribute("aria-busy", "false");
  const listed = new Set(datasets.items.map((dataset) => dataset.id));
  const early = home.added.filter((dataset) => !listed.has(dataset.id)); // uploaded meanwhile
  const shown = [...early, ...datasets.items];
  fill(list, shown.length ? shown.map((dataset) => section(home, dataset)) : empty(mayUpload));
  offerOlder(home, datasets.next_cursor);
}

function addDataset(home, dataset) {
  home.added.unshift(dataset);
  home.list.querySelector(".empty")?.remove();
  const added = section(home, dataset);
  home.list.prepend(added);
  added.scrollIntoView({ block: "nearest" });
}

function offerOlder(home, cursor) {
  if (!cursor) return;
  const more = button("Show older datasets", async () => {
    const page = await api.get("/v1/datasets", { query: { limit: 50, cursor } });
    more.replaceWith(...page.items.map((dataset) => section(home, dataset)));
    offerOlder(home, page.next_cursor);
  });
  home.list.append(more);
}

function empty(mayUpload) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "empty-title" }, "No datasets yet"),
    h(
      "p",
      { class: "quiet" },
      mayUpload
        ? "Upload a labeled dataset to find its wrong labels. Nothing else is needed: no model, no predictions, no settings."
        : "As soon as a colleague uploads a dataset and audits it, its queue appears here.",
    ),
  );
}

const skeleton = () =>
  h("div", { class: "dataset skeleton", "aria-hidden": "true" }, h("div"), h("div"), h("div"));

function section(home, dataset) {
  const element = h("article", { class: "dataset", "aria-label": dataset.name });
  draw(home, element, dataset);
  if (dataset.status === "processing") watch(home, element, dataset.id);
  return element;
}

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
      if (!error.passing) return;
    }
  }
}

function draw(home, element, dataset) {
  const audits = home.audits.get(dataset.id) ?? [];
  const rows = h(
    "div",
    { class: "audits" },
    audits.map((audit) => auditRow(audit, home.mayUpload)),
  );
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
      ? h("p", { class: "working", role: "status" }, "Reading the file and checking every sample …")
      : null,
    dataset.status === "rejected"
      ? problemBox(dataset.problem ?? {}, {
          title: dataset.problem?.title ?? "We couldn't read this file",
          actions: home.mayUpload
            ? [...correctColumns(home, element, dataset), clearAway(element, dataset)]
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
      ? understood(
          dataset,
          audits.length === 0,
          home.mayUpload && !audits.length ? correctColumns(home, element, dataset) : [],
        )
      : null,
    rows,
  );
}

/** A button, where the service knows the file's columns and nothing was made of them yet. */
function correctColumns(home, element, dataset) {
  const place = h("span", { hidden: true });
  const reread = (news) => {
    draw(home, element, news);
    watch(home, element, news.id);
  };
  api.get(`/v1/datasets/${dataset.id}/columns`).then(
    ({ items }) => {
      if (!items.length) return;
      fill(place, button("Correct the columns", () => openColumns(dataset, reread)));
      place.hidden = false;
    },
    () => {}, // it cannot be read again, so there is nothing to offer
  );
  return [place];
}

/** A refused file holds no data, so its entry may go without a question. */
function clearAway(element, dataset) {
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

function actions(home, dataset, started, first) {
  return h(
    "div",
    { class: "row" },
    home.mayUpload
      ? button("People …", () => openMembers(dataset), {
          "aria-label": `Who sees ${dataset.name}`,
        })
      : null,
    dataset.version > 0 && api.may("export") ? button("Export …", () => openExport(dataset)) : null,
    home.mayUpload
      ? button(first ? "Start audit" : "Audit again", () => openStart(dataset, started), {
          class: first ? "button primary" : "button",
        })
      : null,
  );
}

const ROLES = {
  label: "Label",
  sample_id: "Sample id",
  text: "Text",
  file: "Image file",
  embedding: "Embedding",
  pred_probs: "Probabilities",
};

function understood(dataset, open, actions) {
  const columns = dataset.columns ?? {};
  const features = columns.features ?? {};
  const names = Array.isArray(features)
    ? features.map((name) => [name, ""])
    : Object.entries(features);
  const rows = Object.entries(ROLES)
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
        columns.ignored.slice(0, LISTED_CLASSES).map((name) => h("li", {}, code(name))),
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
    { class: "understood", open },
    h("summary", {}, `How the file was understood: ${kindInWords(dataset)}`),
    h(
      "dl",
      { class: "pairs" },
      rows.map(([title, value]) => h("div", {}, h("dt", {}, title), h("dd", {}, value))),
    ),
    actions.length ? h("div", { class: "row" }, actions) : null,
  );
}

const code = (name) => h("code", {}, shorten(String(name), 80));
const feature = ([name, type]) =>
  h(
    "li",
    {},
    code(name),
    type === "categorical" ? h("span", { class: "quiet small" }, " categorical") : null,
  );
const more = (items) =>
  items.length > LISTED_CLASSES
    ? h("li", { class: "quiet" }, `and ${number(items.length - LISTED_CLASSES)} more`)
    : null;

function kindInWords(dataset) {
  const kinds = {
    image: "images",
    text: "texts",
    table: "table rows",
    vector: "vectors",
    probabilities: "class probabilities",
  };
  return `${kinds[dataset.kind] ?? dataset.kind}, from ${dataset.format}`;
}

// Shows one sample, whatever kind it is.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { number, shorten } from "./format.js";
import { viewer } from "./viewer.js";

const LONG_TEXT = 400;

/** Begin to fetch what the sample will need; the answer is kept on the item itself. */
export function preload(item, size = 1024) {
  if (!item.media_url || item.picture) return;
  item.picture = api
    .blob(item.media_url, { query: { size } })
    .then((bytes) => URL.createObjectURL(bytes));
  item.picture.catch(() => {}); // shown where the picture should be
}

export async function forgetPicture(item) {
  const picture = item.picture;
  item.picture = null;
  try {
    URL.revokeObjectURL(await picture);
  } catch {
    // it never came
  }
}

export function sampleView(item) {
  if (item.media_url) return imageView(item);
  if (typeof item.content.text === "string") return textView(item.content.text);
  if (item.content.row) return tableView(item);
  return vectorView(item);
}

function imageView(item) {
  const frame = h("div", { class: "picture", "aria-busy": "true" });
  preload(item);
  item.picture.then(
    (url) => {
      const image = h("img", { src: url, alt: `Sample ${item.sample_id}`, draggable: "false" });
      image.addEventListener("load", () => {
        frame.setAttribute("aria-busy", "false");
        viewer(image, frame);
      });
      image.addEventListener("error", () => noPicture(frame, "The image cannot be shown."));
      fill(frame, image);
    },
    (problem) => noPicture(frame, problem.detail || "The image cannot be loaded."),
  );
  return frame;
}

function noPicture(frame, words) {
  frame.setAttribute("aria-busy", "false");
  fill(frame, h("p", { class: "quiet centred" }, words));
}

function textView(text) {
  const length = text.length > LONG_TEXT ? "long" : "short";
  return h(
    "div",
    { class: "sheet" },
    h("blockquote", { class: `sample-text ${length}`, dir: "auto" }, text),
  );
}

function tableView(item) {
  const other = item.suggested_label ?? item.predicted_label;
  const rows = columnsFirst(item).map(({ name, value, given, suggested }) =>
    h(
      "div",
      {},
      h("dt", { dir: "auto" }, name),
      h("dd", { dir: "auto" }, cell(value)),
      given || suggested
        ? h(
            "dd",
            { class: "usual" },
            h("span", {}, h("bdi", {}, shorten(item.given_label, 20)), ` ${given ?? "–"}`),
            h("span", {}, h("bdi", {}, shorten(other, 20)), ` ${suggested ?? "–"}`),
          )
        : null,
    ),
  );
  return h("div", { class: "sheet" }, h("dl", { class: "sample-row" }, rows));
}

/** The row's columns, those first that speak most against the given label. */
export function columnsFirst({ content: { row, typical = [] } }) {
  const ordered = typical.map(({ column, given, suggested }) => ({
    name: column,
    value: row[column],
    given,
    suggested,
  }));
  const known = new Set(ordered.map(({ name }) => name));
  const rest = Object.entries(row).filter(([name]) => !known.has(name));
  return [...ordered, ...rest.map(([name, value]) => ({ name, value }))];
}

export function cell(value) {
  if (value === null || value === undefined) return h("span", { class: "quiet" }, "missing");
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

function vectorView(item) {
  const size = item.content.dimensions;
  return h(
    "div",
    { class: "sheet" },
    h(
      "div",
      { class: "sample-vector" },
      h("p", { class: "vector-id", dir: "auto" }, item.sample_id),
      h(
        "p",
        { class: "quiet" },
        `This sample came as ${size ? `${number(size)} numbers` : "numbers"} only, so there is nothing to look at here. Look it up by its id, or go by what the models say.`,
      ),
    ),
  );
}

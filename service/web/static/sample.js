// Shows one sample of any kind: image, text, table row or vector.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { number, shorten } from "./format.js";
import { attachViewer } from "./image-viewer.js";
import { retryDelay, sleep } from "./retry.js";

const LONG_TEXT = 400;
const IMAGE_RETRIES = 4;

/**
 * The URL of the sample's image, which is fetched once and kept on the item.
 * @param {Suspect} item
 * @param {number} [size]
 */
export function loadImage(item, size = 1024) {
  if (!item.imageUrl) {
    item.imageUrl = fetchImage(item.media_url ?? "", size).then((bytes) =>
      URL.createObjectURL(bytes),
    );
    item.imageUrl.catch(() => {}); // shown where the image should be
  }
  return item.imageUrl;
}

/**
 * The image, once the server has room to decode it.
 * @param {string} path
 * @param {number} size
 */
async function fetchImage(path, size) {
  for (let failures = 0; ; failures++) {
    try {
      return await api.blob(path, { query: { size } });
    } catch (error) {
      if (![429, 503].includes(error.status) || failures === IMAGE_RETRIES) throw error;
      await sleep(retryDelay(failures, error));
    }
  }
}

/** @param {Suspect} item */
export async function releaseImage(item) {
  const loading = item.imageUrl;
  item.imageUrl = null;
  try {
    if (loading) URL.revokeObjectURL(await loading);
  } catch {
    // it was never loaded
  }
}

/** @param {Suspect} item */
export function sampleView(item) {
  if (item.media_url) return imageView(item);
  if (typeof item.content.text === "string") return textView(item.content.text);
  if (item.content.row) return tableView(item);
  return vectorView(item);
}

/** @param {Suspect} item */
function imageView(item) {
  const frame = h("div", { class: "picture", "aria-busy": "true" });
  loadImage(item).then(
    (url) => {
      const image = h("img", { src: url, alt: `Sample ${item.sample_id}`, draggable: "false" });
      image.addEventListener("load", () => {
        frame.setAttribute("aria-busy", "false");
        attachViewer(image, frame);
      });
      image.addEventListener("error", () => imageError(frame, "The image could not be displayed."));
      fill(frame, image);
    },
    (problem) => imageError(frame, problem.detail || "The image could not be loaded."),
  );
  return frame;
}

/**
 * @param {HTMLElement} frame
 * @param {string} message
 */
function imageError(frame, message) {
  frame.setAttribute("aria-busy", "false");
  fill(frame, h("p", { class: "quiet centred" }, message));
}

/** @param {string} text */
function textView(text) {
  const length = text.length > LONG_TEXT ? "long" : "short";
  return h(
    "div",
    { class: "sheet" },
    h("blockquote", { class: `sample-text ${length}`, dir: "auto" }, text),
  );
}

/** @param {Suspect} item */
function tableView(item) {
  const suggestion = item.suggested_label ?? item.predicted_label;
  const rows = orderedColumns(item).map(({ name, value, given, suggested }) =>
    h(
      "div",
      {},
      h("dt", { dir: "auto" }, name),
      h("dd", { dir: "auto" }, valueCell(value)),
      given || suggested
        ? h(
            "dd",
            { class: "usual" },
            h("span", {}, h("bdi", {}, shorten(item.given_label, 20)), ` ${given ?? "–"}`),
            h("span", {}, h("bdi", {}, shorten(suggestion, 20)), ` ${suggested ?? "–"}`),
          )
        : null,
    ),
  );
  return h("div", { class: "sheet" }, h("dl", { class: "sample-row" }, rows));
}

/**
 * @typedef {{ column: string, given?: string, suggested?: string }} Typical
 * @typedef {{ name: string, value: unknown, given?: string, suggested?: string }} Column
 */

/**
 * The row's columns, those that contradict the given label most first.
 * @param {Pick<Suspect, "content">} item
 * @returns {Column[]}
 */
export function orderedColumns({ content: { row, typical = [] } }) {
  /** @type {Column[]} */
  const ordered = typical.map((/** @type {Typical} */ { column, given, suggested }) => ({
    name: column,
    value: row[column],
    given,
    suggested,
  }));
  const listed = new Set(ordered.map(({ name }) => name));
  const rest = Object.entries(row).filter(([name]) => !listed.has(name));
  return [...ordered, ...rest.map(([name, value]) => ({ name, value }))];
}

/** @param {unknown} value */
export function valueCell(value) {
  if (value === null || value === undefined) return h("span", { class: "quiet" }, "missing");
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** @param {Suspect} item */
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
        `This sample is a vector${size ? ` of ${number(size)} numbers` : ""}, so there is nothing to display. Look it up by its ID, or rely on the models' prediction.`,
      ),
    ),
  );
}

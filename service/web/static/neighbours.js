// The samples most similar to the one shown, with their labels.

import * as api from "./api.js";
import { button, h } from "./dom.js";
import { shorten } from "./format.js";
import { queueAddress } from "./queue-address.js";
import { valueCell } from "./sample.js";

const SHOWN_IMAGES = 8;
const SHOWN_TEXTS = 4; // texts and rows need more room each

/**
 * @param {string} auditId
 * @param {Suspect} item
 * @param {() => unknown} openSimilar
 */
export function neighbourStrip(auditId, item, openSimilar) {
  const neighbours = item.neighbours ?? [];
  if (!neighbours.length) return null;
  const pictured = Boolean(neighbours[0].media_url);
  const shown = neighbours.slice(0, pictured ? SHOWN_IMAGES : SHOWN_TEXTS);
  return h(
    "section",
    { class: "neighbours", "aria-label": "Nearest samples" },
    h("h2", {}, "Nearest samples"),
    button("Decide them together (m)", openSimilar, {
      class: "link-button",
      "aria-keyshortcuts": "m",
    }),
    h(
      "ul",
      { class: pictured ? "pictured" : "" },
      shown.map((neighbour) => line(auditId, neighbour, item)),
    ),
  );
}

/**
 * The grid of the samples most similar to one.
 * @param {string} auditId
 * @param {string} sampleId
 */
export const similarAddress = (auditId, sampleId) =>
  queueAddress(auditId, { queue: "all", similar_to: sampleId }, "/grid");

/**
 * A link to the neighbour, with its label.
 * @param {string} auditId
 * @param {Api.Neighbour} neighbour
 * @param {Suspect} item
 */
function line(auditId, neighbour, item) {
  const label = neighbour.corrected_label ?? neighbour.given_label;
  const kind =
    label === item.given_label ? "same" : label === item.suggested_label ? "suggested" : "other";
  return h(
    "li",
    { title: `${label}: ${neighbour.content.file ?? neighbour.sample_id}` },
    h(
      "a",
      { class: "neighbour", href: queueAddress(auditId, { sample: neighbour.sample_id }) },
      smallContent(neighbour),
      h("span", { class: `neighbour-label ${kind}`, dir: "auto" }, label),
    ),
  );
}

/**
 * A small picture of a sample, or the beginning of its text or row.
 * @param {Pick<Api.Neighbour, "media_url" | "content" | "sample_id">} options
 */
export function smallContent({ media_url: url, content: sample, sample_id: id }) {
  if (url) {
    const image = h("img", { alt: "", width: 64, height: 64 });
    api.blob(url, { query: { size: 128 } }).then(
      (bytes) => {
        image.src = URL.createObjectURL(bytes);
        image.addEventListener("load", () => URL.revokeObjectURL(image.src));
      },
      () => image.remove(),
    );
    return image;
  }
  if (typeof sample.text === "string")
    return h("span", { class: "neighbour-text", dir: "auto" }, shorten(sample.text, 160));
  if (sample.row) {
    const row = Object.entries(sample.row).slice(0, 3);
    return h(
      "span",
      { class: "neighbour-text" },
      row.map(([name, value], index) => [index ? ", " : "", `${name} `, valueCell(value)]),
    );
  }
  return h("span", { class: "neighbour-text", dir: "auto" }, id);
}

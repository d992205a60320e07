// One suspect in the grid: its content, its given label and the suggested one.

import { breakable, fill, h } from "./dom.js";
import { percent } from "./format.js";
import { loadImage, orderedColumns, valueCell } from "./sample.js";

export const THUMBNAIL_PIXELS = 256;
const SHOWN_COLUMNS = 4;

/** @param {Suspect} item */
export function thumbnail(item) {
  const suggestion = item.suggested_label ?? item.predicted_label;
  return h(
    "li",
    {
      class: `thumbnail ${item.media_url ? "pictured" : "written"}`,
      role: "option",
      "data-id": item.sample_id,
      "aria-selected": "false",
      "aria-label": `${describe(item)}. Given ${item.given_label}, suggested ${suggestion}. Probably wrong: ${percent(item.p_wrong)}.`,
    },
    h("div", { class: "thumbnail-content" }, content(item)),
    h(
      "p",
      { class: "thumbnail-labels", "aria-hidden": "true" },
      h(
        "span",
        {},
        h("bdi", {}, breakable(item.given_label)),
        h("span", { class: "quiet" }, " → "),
        h("strong", { class: "thumbnail-suggested" }, h("bdi", {}, breakable(suggestion))),
      ),
      h("span", { class: "thumbnail-share quiet" }, percent(item.p_wrong)),
    ),
    h("span", { class: "thumbnail-mark", "aria-hidden": "true" }, "✓"),
  );
}

/** @param {Suspect} item */
function describe(item) {
  if (typeof item.content.text === "string") return item.content.text.slice(0, 200);
  return item.content.file ?? item.sample_id;
}

/** @param {Suspect} item */
function content(item) {
  if (item.media_url) return image(item);
  if (typeof item.content.text === "string") {
    return h("p", { class: "thumbnail-text", dir: "auto" }, item.content.text.slice(0, 600));
  }
  if (item.content.row) {
    return h(
      "dl",
      { class: "thumbnail-row" },
      orderedColumns(item)
        .slice(0, SHOWN_COLUMNS)
        .map(({ name, value }) =>
          h("div", {}, h("dt", { dir: "auto" }, name), h("dd", { dir: "auto" }, valueCell(value))),
        ),
    );
  }
  return h("p", { class: "thumbnail-text vector", dir: "auto" }, breakable(item.sample_id));
}

/** @param {Suspect} item */
function image(item) {
  const frame = h("div", { class: "thumbnail-image", "aria-busy": "true" });
  loadImage(item, THUMBNAIL_PIXELS).then(
    (url) => {
      frame.removeAttribute("aria-busy");
      fill(frame, h("img", { src: url, alt: "", draggable: "false" }));
    },
    () => fill(frame, h("p", { class: "quiet small" }, "The image could not be loaded.")),
  );
  return frame;
}

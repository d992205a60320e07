// One suspect as a tile of the grid: what it is, what it was given, what is suggested.

import { breakable, fill, h } from "./dom.js";
import { percent } from "./format.js";
import { cell, columnsFirst, preload } from "./sample.js";

const PICTURE = 256;
const COLUMNS = 4;

export function tile(item) {
  const suggestion = item.suggested_label ?? item.predicted_label;
  return h(
    "li",
    {
      class: `tile ${item.media_url ? "pictured" : "written"}`,
      role: "option",
      "data-id": item.sample_id,
      "aria-selected": "false",
      "aria-label": `${describe(item)}. Given ${item.given_label}, suggested ${suggestion}, ${percent(item.p_wrong)} probably wrong.`,
    },
    h("div", { class: "tile-content" }, content(item)),
    h(
      "p",
      { class: "tile-labels", "aria-hidden": "true" },
      h(
        "span",
        {},
        h("bdi", {}, breakable(item.given_label)),
        h("span", { class: "quiet" }, " → "),
        h("strong", { class: "tile-suggested" }, h("bdi", {}, breakable(suggestion))),
      ),
      h("span", { class: "tile-share quiet" }, percent(item.p_wrong)),
    ),
    h("span", { class: "tile-mark", "aria-hidden": "true" }, "✓"),
  );
}

function describe(item) {
  if (typeof item.content.text === "string") return item.content.text.slice(0, 200);
  return item.content.file ?? item.sample_id;
}

function content(item) {
  if (item.media_url) return picture(item);
  if (typeof item.content.text === "string") {
    return h("p", { class: "tile-text", dir: "auto" }, item.content.text.slice(0, 600));
  }
  if (item.content.row) {
    return h(
      "dl",
      { class: "tile-row" },
      columnsFirst(item)
        .slice(0, COLUMNS)
        .map(({ name, value }) =>
          h("div", {}, h("dt", { dir: "auto" }, name), h("dd", { dir: "auto" }, cell(value))),
        ),
    );
  }
  return h("p", { class: "tile-text vector", dir: "auto" }, breakable(item.sample_id));
}

function picture(item) {
  preload(item, PICTURE);
  const place = h("div", { class: "tile-picture", "aria-busy": "true" });
  item.picture.then(
    (url) => {
      place.removeAttribute("aria-busy");
      fill(place, h("img", { src: url, alt: "", draggable: "false" }));
    },
    () => fill(place, h("p", { class: "quiet small" }, "The image cannot be loaded.")),
  );
  return place;
}

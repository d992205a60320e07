// The data map: the server's plot, with every point a link to its sample.

import * as api from "./api.js";
import { h } from "./dom.js";
import { percent } from "./format.js";
import { plot } from "./plots.js";

const HIT_DISTANCE = 0.03; // in widths of the plot

/** @param {string} auditId */
export function dataMap(auditId) {
  const ring = h("span", { class: "map-ring", hidden: true });
  const label = h("p", { class: "map-label", hidden: true });
  const overlay = h("div", { class: "map-overlay" }, ring, label);
  /** @type {Promise<Api.DataMapRead | null> | null} */
  let map = null;
  const load = () => {
    map ??= api.get(`/v1/audits/${auditId}/data-map`).catch(() => null);
    return map;
  };
  /** @param {MouseEvent} event */
  const pointAt = async (event) => {
    const points = await load();
    if (!points) return null;
    const box = overlay.getBoundingClientRect();
    const at = {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
    };
    return nearest(points, at, box.height / box.width);
  };
  overlay.addEventListener("pointerenter", load);
  overlay.addEventListener("pointermove", async (event) => {
    const found = await pointAt(event);
    ring.hidden = label.hidden = !found;
    overlay.classList.toggle("on", Boolean(found));
    if (!found) return;
    for (const element of [ring, label]) {
      element.style.setProperty("left", `${found.x * 100}%`);
      element.style.setProperty("top", `${found.y * 100}%`);
    }
    label.classList.toggle("leftward", found.x > 0.6);
    label.textContent = `${found.sample_id}, given ${found.given_label}. Probably wrong: ${percent(found.p_wrong)}`;
  });
  overlay.addEventListener("pointerleave", () => {
    ring.hidden = label.hidden = true;
  });
  overlay.addEventListener("click", async (event) => {
    const found = await pointAt(event);
    if (found) location.assign(`/audits/${auditId}?sample=${encodeURIComponent(found.sample_id)}`);
  });
  return h(
    "section",
    {},
    h("h2", {}, "Data map"),
    h(
      "p",
      { class: "quiet" },
      "Confidence against variability. Lower left: labels that the models never found probable. Upper left: easy samples. Right: samples on which the models vary. Select a point to open its sample.",
    ),
    plot(auditId, "data_map", { alt: "Data map", overlay }),
  );
}

/**
 * @param {Api.DataMapRead} points
 * @param {{ x: number, y: number }} at
 * @param {number} shape
 */
function nearest(points, at, shape) {
  /** @type {{ index: number, distance: number, x: number, y: number } | null} */
  let best = null;
  const { left, top, width, height, x_max: xMax, y_max: yMax } = points.axes;
  for (let index = 0; index < points.sample_id.length; index += 1) {
    const x = left + (points.variability[index] / xMax) * width;
    const y = top + (1 - points.confidence[index] / yMax) * height;
    const distance = Math.hypot(x - at.x, (y - at.y) * shape);
    if (distance < (best?.distance ?? HIT_DISTANCE)) best = { index, distance, x, y };
  }
  if (!best) return null;
  const { index, x, y } = best;
  return {
    x,
    y,
    sample_id: points.sample_id[index],
    given_label: points.given_label[index],
    p_wrong: points.p_wrong[index],
  };
}

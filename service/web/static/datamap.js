// The data map: the server's picture, and over it one target for every point that it shows.

import * as api from "./api.js";
import { h } from "./dom.js";
import { percent } from "./format.js";
import { picture } from "./pictures.js";

// Where the axes lie in the picture and what they span: service/overview/plots/data_map.py.
const BOX = { left: 0.1, top: 0.09, width: 0.87, height: 0.78 };
const MOST_VARIABLE = 0.5;
const REACH = 0.03; // of the picture's width: how far from a point a click still means it

export function dataMap(auditId) {
  const ring = h("span", { class: "map-ring", hidden: true });
  const words = h("p", { class: "map-words", hidden: true });
  const overlay = h("div", { class: "map-overlay" }, ring, words);
  let map = null;
  const load = () => {
    map ??= api.get(`/v1/audits/${auditId}/data-map`).catch(() => null);
    return map;
  };
  const pointAt = async (event) => {
    const points = await load();
    if (!points) return null;
    const place = overlay.getBoundingClientRect();
    const at = {
      x: (event.clientX - place.left) / place.width,
      y: (event.clientY - place.top) / place.height,
    };
    return nearest(points, at, place.height / place.width);
  };
  overlay.addEventListener("pointerenter", load);
  overlay.addEventListener("pointermove", async (event) => {
    const found = await pointAt(event);
    ring.hidden = words.hidden = !found;
    overlay.classList.toggle("on", Boolean(found));
    if (!found) return;
    for (const element of [ring, words]) {
      element.style.setProperty("left", `${found.x * 100}%`);
      element.style.setProperty("top", `${found.y * 100}%`);
    }
    words.classList.toggle("leftward", found.x > 0.6);
    words.textContent = `${found.sample_id}, given ${found.given_label}: ${percent(found.p_wrong)} probably wrong`;
  });
  overlay.addEventListener("pointerleave", () => {
    ring.hidden = words.hidden = true;
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
      "Confidence against variability. At the lower left lie labels that no model ever believed, at the upper left the easy ones, at the right those that the models could not settle on. A point opens its sample.",
    ),
    picture(auditId, "data_map", { alt: "Data map", overlay }),
  );
}

function nearest(points, at, shape) {
  let best = null;
  points.sample_id.forEach((sample, index) => {
    const x = BOX.left + (points.variability[index] / MOST_VARIABLE) * BOX.width;
    const y = BOX.top + (1 - points.confidence[index]) * BOX.height;
    const distance = Math.hypot(x - at.x, (y - at.y) * shape);
    if (distance < (best?.distance ?? REACH)) best = { index, distance, x, y };
  });
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

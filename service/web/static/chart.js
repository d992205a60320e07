// How the replicas met one sample: P(given label) by epoch, drawn as a small chart.

import { h, svg } from "./dom.js";
import { percent } from "./format.js";

const WIDTH = 320;
const HEIGHT = 132;
const LEFT = 30;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20;
const FAINT_LINES = 64; // more than this many replicas only blacken the picture

export function trajectoryChart(trajectory) {
  if (!trajectory?.p_given?.length) {
    return h(
      "p",
      { class: "quiet small" },
      "No network was trained in this audit, so there is no trajectory.",
    );
  }
  const { p_given: byEpoch, in_bag: inBag, epochs, replicas } = trajectory;
  const lines = inBag.map((_, replica) => byEpoch.map((epoch) => epoch[replica]));
  const mean = byEpoch.map(average);
  const outside = lines.filter((_, replica) => inBag[replica] === 0);
  const inside = lines.filter((_, replica) => inBag[replica] > 0);
  const outsideMean = outside.length
    ? byEpoch.map((_, epoch) => average(outside.map((line) => line[epoch])))
    : null;
  return h(
    "figure",
    { class: "chart" },
    h("h2", {}, "Probability of the given label, epoch by epoch"),
    svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: "img",
        "aria-label": inWords(mean, outsideMean, epochs, replicas),
      },
      axes(epochs),
      inside.slice(0, FAINT_LINES).map((line) => path(line, "replica")),
      outside.slice(0, FAINT_LINES).map((line) => path(line, "replica outside")),
      path(mean, "mean"),
    ),
    h(
      "figcaption",
      {},
      h("span", { class: "key mean" }, "mean"),
      h("span", { class: "key replica" }, "trained on it"),
      outside.length ? h("span", { class: "key outside" }, "out of bag") : null,
    ),
  );
}

function average(values) {
  const known = values.filter((value) => value !== null && !Number.isNaN(value));
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

const x = (epoch, epochs) =>
  LEFT + (epochs > 1 ? epoch / (epochs - 1) : 0.5) * (WIDTH - LEFT - RIGHT);
const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);

function path(values, kind) {
  const points = values
    .map((value, epoch) =>
      value === null ? null : [x(epoch, values.length).toFixed(1), y(value).toFixed(1)],
    )
    .filter(Boolean);
  if (points.length === 1)
    return svg("circle", {
      class: kind,
      cx: points[0][0],
      cy: points[0][1],
      r: kind === "mean" ? 3 : 1.5,
    });
  return svg("path", { class: kind, d: `M${points.map((point) => point.join(",")).join("L")}` });
}

function axes(epochs) {
  const rows = [0, 0.5, 1].map((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }),
    svg(
      "text",
      { class: "tick", x: LEFT - 6, y: y(share) + 3.5, "text-anchor": "end" },
      share === 0.5 ? ".5" : String(share),
    ),
  ]);
  return [
    ...rows,
    svg("text", { class: "tick", x: LEFT, y: HEIGHT - 5 }, "epoch 1"),
    svg(
      "text",
      { class: "tick", x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" },
      String(epochs),
    ),
  ];
}

function inWords(mean, outsideMean, epochs, replicas) {
  const last = (values) => values[values.length - 1];
  const outside = outsideMean
    ? `; replicas that never trained on it end at ${percent(last(outsideMean))}`
    : "";
  return `Probability of the given label over ${epochs} epochs, mean of ${replicas} replicas: starts at ${percent(mean[0])}, ends at ${percent(last(mean))}${outside}.`;
}

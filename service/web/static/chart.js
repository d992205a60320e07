// The training trajectory of one sample: the probability of the given and the suggested label by epoch.

import { h, svg } from "./dom.js";
import { percent, shorten } from "./format.js";
import { unpack } from "./packed.js";

const WIDTH = 320;
const HEIGHT = 132;
const LEFT = 30;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20;
const MAX_LINES = 64; // more replicas only clutter the chart

/**
 * @param {Api.TrajectoryRead | null} trajectory
 * @param {Suspect} item
 */
export function trajectoryChart(trajectory, item) {
  if (!trajectory) {
    return h(
      "p",
      { class: "quiet small" },
      "No network was trained in this audit, so there is no training trajectory.",
    );
  }
  const { in_bag: inBag, epochs, replicas } = trajectory;
  const byEpoch = unpack(trajectory.p_given);
  const lines = inBag.map((_, replica) => byEpoch.map((epoch) => epoch[replica]));
  const outOfBag = lines.filter((_, replica) => inBag[replica] === 0);
  const inBagLines = lines.filter((_, replica) => inBag[replica] > 0);
  const given = byEpoch.map(mean);
  const suggested = suggestedLines(trajectory);
  return h(
    "figure",
    { class: "chart" },
    h("h2", {}, "Probability by epoch"),
    svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: "img",
        "aria-label": describe(item, given, outOfBag, suggested, epochs, replicas),
      },
      axes(epochs),
      suggested?.lines.slice(0, MAX_LINES).map((line) => path(line, "replica suggested")),
      inBagLines.slice(0, MAX_LINES).map((line) => path(line, "replica")),
      outOfBag.slice(0, MAX_LINES).map((line) => path(line, "replica out-of-bag")),
      suggested
        ? [band(suggested.low, suggested.high), path(suggested.mean, "mean suggested")]
        : [],
      path(given, "mean"),
    ),
    h(
      "figcaption",
      {},
      h("span", { class: "key mean" }, h("bdi", {}, shorten(item.given_label, 16)), ", given"),
      suggested
        ? h(
            "span",
            { class: "key mean suggested" },
            h("bdi", {}, shorten(item.suggested_label ?? "", 16)),
            ", suggested",
          )
        : null,
      outOfBag.length
        ? h("span", { class: "key out-of-bag" }, "models not trained on this sample")
        : null,
    ),
  );
}

/**
 * @typedef {object} SuggestedLines
 * @property {Array<Array<number | null>>} lines by replica
 * @property {number[]} low
 * @property {number[]} high
 * @property {number[]} mean
 */

/**
 * If another class led, the suggested label's probability is known only to lie between two bounds.
 * @param {Api.TrajectoryRead} options
 */
function suggestedLines({
  p_suggested_low: packedLow,
  p_suggested_high: packedHigh,
  in_bag: inBag,
}) {
  if (!packedLow || !packedHigh) return null;
  const [low, high] = [unpack(packedLow), unpack(packedHigh)];
  const lines = inBag.map((_, replica) =>
    low.map((epoch, at) => (high[at][replica] - epoch[replica] < 0.02 ? epoch[replica] : null)),
  );
  const [lowest, highest] = [low.map(mean), high.map(mean)];
  return {
    lines,
    low: lowest,
    high: highest,
    mean: lowest.map((value, epoch) => (value + highest[epoch]) / 2),
  };
}

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * @param {number} epoch
 * @param {number} epochs
 */
const x = (epoch, epochs) =>
  LEFT + (epochs > 1 ? epoch / (epochs - 1) : 0.5) * (WIDTH - LEFT - RIGHT);
/** @param {number} share */
const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);

/**
 * A line through the known values, with gaps at the others.
 * @param {Array<number | null>} values
 * @param {string} kind
 */
function path(values, kind) {
  const points = values.map((value, epoch) =>
    value === null ? null : [x(epoch, values.length).toFixed(1), y(value).toFixed(1)],
  );
  const known = points.filter((point) => point !== null);
  if (known.length === 1)
    return svg("circle", {
      class: kind,
      cx: known[0][0],
      cy: known[0][1],
      r: kind.startsWith("mean") ? 3 : 1.5,
    });
  const steps = points.map(
    (point, at) => point && `${points[at - 1] ? "L" : "M"}${point.join(",")}`,
  );
  return svg("path", { class: kind, d: steps.filter(Boolean).join("") });
}

/**
 * @param {number[]} low
 * @param {number[]} high
 */
function band(low, high) {
  const upper = high.map((value, epoch) => `${x(epoch, high.length)},${y(value)}`);
  const lower = low.map((value, epoch) => `${x(epoch, low.length)},${y(value)}`).reverse();
  return svg("path", { class: "between", d: `M${[...upper, ...lower].join("L")}Z` });
}

/** @param {number} epochs */
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

/**
 * @param {Suspect} item
 * @param {number[]} given
 * @param {number[][]} outOfBag
 * @param {SuggestedLines | null} suggested
 * @param {number} epochs
 * @param {number} replicas
 */
function describe(item, given, outOfBag, suggested, epochs, replicas) {
  /** @param {number[]} values */
  const last = (values) => values[values.length - 1];
  const parts = [
    `Over ${epochs} epochs, mean of ${replicas} replicas: the given label ${item.given_label} goes from ${percent(given[0])} to ${percent(last(given))}`,
  ];
  if (suggested)
    parts.push(
      `the suggested label ${item.suggested_label} goes from ${percent(suggested.mean[0])} to ${percent(last(suggested.mean))}`,
    );
  if (outOfBag.length)
    parts.push(
      `replicas not trained on it end at ${percent(mean(outOfBag.map(last)))} for the given label`,
    );
  return `${parts.join("; ")}.`;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { trajectoryChart } from "../../../../service/web/static/chart.js";
import { pack, sample } from "./page.js";

// Two epochs of three replicas; only the second was not trained on the sample.
const TRAJECTORY = {
  epochs: 2,
  replicas: 3,
  in_bag: [1, 0, 2],
  p_given: pack([
    [0.5, 0.5, 0.5],
    [0.9, 0.1, 0.8],
  ]),
  p_suggested_low: null,
  p_suggested_high: null,
};
const chart = (changes) => trajectoryChart({ ...TRAJECTORY, ...changes }, sample(1));
const paths = (figure, kind) =>
  [...figure.querySelectorAll("path")].filter((path) => path.getAttribute("class") === kind);

test("replicas that were not trained on the sample are drawn as out of bag", () => {
  const figure = chart();
  assert.equal(paths(figure, "replica").length, 2);
  const outOfBag = paths(figure, "replica out-of-bag");
  assert.equal(outOfBag.length, 1);
  // It falls from 0.5 to 0.1, so its line ends below where it began.
  const [, from, to] = outOfBag[0].getAttribute("d").match(/^M[\d.]+,([\d.]+)L[\d.]+,([\d.]+)$/);
  assert.ok(Number(to) > Number(from));
});

test("the description says where the out-of-bag replicas end", () => {
  const description = chart().querySelector("svg").getAttribute("aria-label");
  assert.match(description, /replicas not trained on it end at 10% for the given label/);
  assert.match(description, /the given label cat goes from 50% to 60%/);
});

test("without out-of-bag replicas nothing is said of them", () => {
  const figure = chart({ in_bag: [1, 1, 1] });
  assert.equal(paths(figure, "replica out-of-bag").length, 0);
  assert.doesNotMatch(figure.querySelector("svg").getAttribute("aria-label"), /not trained/);
});

test("the suggested label is drawn between its bounds", () => {
  const figure = chart({
    p_suggested_low: pack([
      [0.2, 0.2, 0.2],
      [0.4, 0.4, 0.4],
    ]),
    p_suggested_high: pack([
      [0.4, 0.4, 0.4],
      [0.6, 0.6, 0.6],
    ]),
  });
  assert.equal(paths(figure, "between").length, 1);
  const description = figure.querySelector("svg").getAttribute("aria-label");
  assert.match(description, /the suggested label dog goes from 30% to 50%/);
});

test("an audit without a network says so", () => {
  assert.match(trajectoryChart(null, sample(1)).textContent, /No network was trained/);
});

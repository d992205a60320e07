// Every signal of one sample, by name, with what its value means.

import { h } from "./dom.js";
import { percent } from "./format.js";

const LOW = "a low value suggests a wrong label";
const HIGH = "a high value suggests a wrong label";
const UNCERTAIN = "a high value means that the models are uncertain";
const UNSEEN = "models not trained on this sample";

/** @type {Record<string, [string, string?]>} title, and which direction speaks against the label */
const SIGNALS = {
  p_wrong_trajectory: ["Probability that the label is wrong, from training alone", HIGH],
  p_given: ["Probability of the given label", LOW],
  p_given_out_of_bag: [`The same, of ${UNSEEN}`, LOW],
  aum: ["Mean margin (AUM)", LOW],
  aum_out_of_bag: [`The same, of ${UNSEEN}`, LOW],
  late_margin: ["Mean margin in the second half of training", LOW],
  disagreement_out_of_bag: [`Predictions of another class, by ${UNSEEN}`, HIGH],
  first_learned: ["First predicted correctly", "a late point suggests a wrong label"],
  forgetting_events: ["Times forgotten during training", HIGH],
  memorised: ["Memorized", HIGH],
  variability: ["Variation over the epochs"],
  majority_class: ["Class that most models predict"],
  majority_share: ["Models that predict it"],
  neighbours_class: ["Class of most nearest samples"],
  neighbours_share: ["Nearest samples of that class"],
  spread_p_given: ["Spread of the probability between models", UNCERTAIN],
  spread_margin: ["Spread of the margin between models", UNCERTAIN],
  aleatoric: ["Uncertainty within each model (aleatoric), in bits", HIGH],
  epistemic: ["Disagreement between models (epistemic), in bits", UNCERTAIN],
};
const CLASSES = new Set(["majority_class", "neighbours_class", "votes_class"]);
const SHARES = new Set([
  "p_wrong_trajectory",
  "p_given",
  "p_given_out_of_bag",
  "disagreement_out_of_bag",
  "majority_share",
  "neighbours_share",
]);

/**
 * @param {Record<string, number | null> | undefined} signals
 * @param {string[]} classNames
 */
export function signalList(signals, classNames) {
  const known = Object.entries(signals ?? {}).filter(([, value]) => value !== null);
  if (!known.length) return null;
  const rank = Object.keys(SIGNALS);
  /** @param {string} name */
  const place = (name) => (rank.includes(name) ? rank.indexOf(name) : rank.length);
  known.sort(([one], [other]) => place(one) - place(other));
  return h(
    "details",
    { class: "signals" },
    h("summary", {}, "All signals"),
    h(
      "dl",
      {},
      known.map(([name, value]) => signal(name, /** @type {number} */ (value), classNames)),
    ),
  );
}

/**
 * @param {string} name
 * @param {number} value
 * @param {string[]} classNames
 */
function signal(name, value, classNames) {
  const [title, direction] = SIGNALS[name] ?? [name.replaceAll("_", " ")];
  return h(
    "div",
    { title: direction },
    h(
      "dt",
      {},
      title,
      direction ? h("span", { class: "visually-hidden" }, `, ${direction}`) : null,
    ),
    h("dd", { dir: "auto" }, signalText(name, value, classNames)),
  );
}

/**
 * @param {string} name
 * @param {number} value
 * @param {string[]} classNames
 */
export function signalText(name, value, classNames) {
  if (CLASSES.has(name)) return classNames[value] ?? String(value);
  if (name === "first_learned") return learned(value);
  return SHARES.has(name) ? percent(value) : String(Number(value.toPrecision(3)));
}

/** @param {number} share of the training, mean over the models */
function learned(share) {
  if (share >= 1) return "never";
  return share === 0 ? "from the start" : `after ${percent(share)} of training`;
}

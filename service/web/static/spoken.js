// What decisions and samples are called: to screen readers, and on the button that accepts.

import { percent } from "./format.js";

/** @type {Record<string, string>} */
const OUTCOMES = {
  keep: "kept",
  accept_suggestion: "suggestions accepted",
  exclude: "excluded",
  skip: "skipped",
};

/**
 * A decision on several samples.
 * @param {Api.Verdict} verdict
 * @param {string | null} [label]
 */
export const outcomeOfMany = (verdict, label) => OUTCOMES[verdict] ?? `changed to ${label}`;

/**
 * A decision on one sample.
 * @param {Api.Verdict} verdict
 * @param {string | null} label
 */
export function outcomeOfOne(verdict, label) {
  if (verdict === "keep") return `Kept ${label}.`;
  if (verdict === "exclude") return "Excluded.";
  return verdict === "skip" ? "Skipped." : `Changed to ${label}.`;
}

/** @param {Suspect} item */
export function sampleInWords(item) {
  const suggestion =
    item.suggested_label === null
      ? "no suggestion"
      : `suggested ${item.suggested_label}, ${percent(item.suggested_label_confidence)}`;
  return `Rank ${item.rank}, ${item.tier}. Given ${item.given_label}; ${suggestion}. Probably wrong: ${percent(item.p_wrong)}.`;
}

/** @param {Suspect[]} selected */
export function acceptTitle(selected) {
  const labels = new Set(selected.map((item) => item.suggested_label ?? item.predicted_label));
  const [only] = labels;
  return labels.size === 1 && only.length <= 24 ? `Change to ${only}` : "Accept suggestions";
}

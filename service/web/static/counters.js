// The counters: how many are decided and left in each tier, and how many errors were found per 100
// reviewed samples.

import { fill, h } from "./dom.js";
import { number } from "./format.js";

const STATES = { open: "open", skipped: "skipped", decided: "decided" };

export class Counters {
  constructor() {
    this.opinions = 1;
    /** @type {Record<string, TierCounts>} */
    this.tiers = {};
    this.reviewed = 0;
    this.errors = 0;
    this.element = h("dl", { class: "counters", "aria-label": "Progress of the review" });
  }

  /**
   * Counts as the server has them; `summary` is the answer of GET …/summary.
   * @param {Summary} summary
   */
  set(summary) {
    this.tiers = structuredClone(summary.review);
    this.opinions = summary.opinions;
    this.draw();
  }

  /**
   * Everybody's verdicts so far, as the server has them.
   * @param {{ reviewed: number, errors: number }} findings
   */
  setFindings({ reviewed, errors }) {
    this.reviewed = reviewed;
    this.errors = errors;
    this.draw();
  }

  /**
   * A decision was made (`step` 1) or undone (-1).
   * @param {Suspect} item
   * @param {Api.Verdict} verdict
   * @param {string | null} label
   * @param {1 | -1} step
   */
  count(item, verdict, label, step) {
    if (this.opinions > 1) return; // a sample is decided only by its last opinion
    const before = item.state in STATES ? item.state : "open";
    const after = verdict === "skip" ? "skipped" : "decided";
    this.#move(item.tier, before, -step);
    this.#move(item.tier, after, step);
    if (verdict !== "skip" && before !== "decided") {
      this.reviewed += step;
      if (foundWrong(item, verdict, label)) this.errors += step;
    }
    this.draw();
  }

  /**
   * @param {string} tier
   * @param {string} state
   * @param {number} step
   */
  #move(tier, state, step) {
    const counts = this.tiers[tier];
    const name = /** @type {keyof TierCounts} */ (state);
    if (counts) counts[name] = Math.max(0, counts[name] + step);
  }

  draw() {
    const shown = ["obvious", "possible"].filter((name) => this.tiers[name]);
    fill(
      this.element,
      shown.map((name) => tierCount(name, this.tiers[name])),
      this.#errorRate(),
    );
  }

  #errorRate() {
    const rate = this.reviewed ? Math.round((100 * this.errors) / this.reviewed) : null;
    return h(
      "div",
      { class: "count rate" },
      h("dt", {}, "Errors found per 100 reviewed"),
      h(
        "dd",
        {},
        h("strong", { id: "rate" }, rate === null ? "–" : String(rate)),
        h(
          "span",
          { class: "quiet" },
          rate === null
            ? " none reviewed yet"
            : ` ${number(this.errors)} of ${number(this.reviewed)}`,
        ),
      ),
    );
  }
}

/**
 * @param {Suspect} item
 * @param {Api.Verdict} verdict
 * @param {string | null} label
 */
const foundWrong = (item, verdict, label) =>
  verdict === "exclude" || (verdict !== "keep" && label !== item.given_label);

/**
 * @param {string} name
 * @param {TierCounts} options
 */
function tierCount(name, { open, skipped, decided }) {
  const total = open + skipped + decided;
  return h(
    "div",
    { class: `count ${name}` },
    h("dt", {}, name[0].toUpperCase() + name.slice(1)),
    h(
      "dd",
      {},
      h("strong", {}, number(decided)),
      h(
        "span",
        { class: "quiet" },
        ` decided, ${number(open)} left${skipped ? `, ${number(skipped)} skipped` : ""}`,
      ),
      h("span", {
        class: "meter",
        "aria-hidden": "true",
        vars: { share: total ? decided / total : 0 },
      }),
    ),
  );
}

// The counters: how many are decided and left in each tier, and how many errors were found per 100
// reviewed samples.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";

export class Counters {
  /** @param {string} auditId */
  constructor(auditId) {
    this.base = `/v1/audits/${auditId}`;
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
    this.draw();
  }

  /** Add everybody's earlier verdicts. */
  async addFindings() {
    const { reviewed, errors } = await api.get(`${this.base}/findings`);
    this.reviewed += reviewed;
    this.errors += errors;
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
    const tier = this.tiers[item.tier];
    if (tier) {
      const state = verdict === "skip" ? "skipped" : "decided";
      tier[state] = Math.max(0, tier[state] + step);
      const before = item.state === "skipped" ? "skipped" : "open";
      tier[before] = Math.max(0, tier[before] - step);
    }
    if (verdict !== "skip") {
      this.reviewed += step;
      if (foundWrong(item, verdict, label)) this.errors += step;
    }
    this.draw();
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

// The counters: decided and left in each tier, and errors found per 100 reviewed.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { number, plural } from "./format.js";

export class Tally {
  constructor(auditId) {
    this.base = `/v1/audits/${auditId}`;
    this.tiers = {};
    this.looks = 0;
    this.errors = 0;
    this.element = h("dl", { class: "tally", "aria-label": "Progress of the review" });
  }

  /** Counts as the server knows them; `summary` is the answer of GET …/summary. */
  set(summary) {
    this.tiers = structuredClone(summary.review);
    this.draw();
  }

  /** Earlier verdicts by anybody. */
  async readFindings() {
    const { reviewed, errors } = await api.get(`${this.base}/findings`);
    this.looks += reviewed;
    this.errors += errors;
    this.draw();
  }

  /** A decision was taken (`step` 1) or taken back (-1). */
  count(item, verdict, label, step) {
    const tier = this.tiers[item.tier];
    if (tier) {
      const state = verdict === "skip" ? "skipped" : "decided";
      tier[state] = Math.max(0, tier[state] + step);
      const before = item.state === "skipped" ? "skipped" : "open";
      tier[before] = Math.max(0, tier[before] - step);
    }
    this.#look(
      verdict,
      verdict === "exclude" || (verdict !== "keep" && label !== item.given_label),
      step,
    );
    this.draw();
  }

  #look(verdict, wrong, step) {
    if (verdict === "skip") return;
    this.looks += step;
    if (wrong) this.errors += step;
  }

  draw() {
    const shown = ["obvious", "possible"].filter((name) => this.tiers[name]);
    fill(
      this.element,
      shown.map((name) => tierCount(name, this.tiers[name])),
      this.#rate(),
    );
  }

  #rate() {
    const rate = this.looks ? Math.round((100 * this.errors) / this.looks) : null;
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
            ? " nothing reviewed yet"
            : ` ${number(this.errors)} in ${plural(this.looks, "sample")}`,
        ),
      ),
    );
  }
}

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

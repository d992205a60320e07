// The head of a grid of similar samples: the sample that they resemble, and those that are decided.

import * as api from "./api.js";
import { breakable, fill, h, problemBox } from "./dom.js";
import { plural } from "./format.js";
import { smallContent } from "./neighbours.js";
import { queueAddress } from "./queue-address.js";

export class Similar {
  /**
   * @param {string} auditId
   * @param {string} sampleId
   */
  constructor(auditId, sampleId) {
    this.auditId = auditId;
    this.sampleId = sampleId;
    /** @type {string[]} nearest first, the sample itself before all */
    this.order = [sampleId];
    this.element = h("section", { class: "similar", "aria-label": "Similar samples" });
  }

  /** Read the labels and states anew. */
  async refresh() {
    const path = `/v1/audits/${this.auditId}/suspects/${encodeURIComponent(this.sampleId)}`;
    try {
      const item = await api.get(path, { query: { include: ["neighbours"] } });
      this.order = [
        this.sampleId,
        ...item.neighbours.map((/** @type {Api.Neighbour} */ n) => n.sample_id),
      ];
      this.#draw(item);
    } catch (problem) {
      fill(this.element, problemBox(problem));
    }
  }

  /**
   * Nearest first.
   * @param {Suspect[]} items
   */
  sorted(items) {
    const place = (/** @type {Suspect} */ item) => this.order.indexOf(item.sample_id);
    return items.toSorted((one, other) => place(one) - place(other));
  }

  /** @param {Suspect} item */
  #draw(item) {
    /** @type {Api.Neighbour[]} */
    const near = item.neighbours ?? [];
    const done = near.filter(({ state }) => state !== "open");
    fill(
      this.element,
      h(
        "div",
        { class: "similar-to" },
        h("h2", {}, "Similar to"),
        h("ul", {}, this.#card(/** @type {any} */ (item))),
      ),
      done.length
        ? h(
            "div",
            {},
            h(
              "h2",
              {},
              `${plural(done.length, "similar sample is", "similar samples are")} not open`,
            ),
            h(
              "ul",
              {},
              done.map((one) => this.#card(one)),
            ),
          )
        : null,
    );
  }

  /** @param {Api.Neighbour} sample */
  #card(sample) {
    const { given_label: given, corrected_label: corrected, state } = sample;
    const changed = corrected !== null && corrected !== given;
    return h(
      "li",
      {},
      h(
        "a",
        { class: "similar-card", href: queueAddress(this.auditId, { sample: sample.sample_id }) },
        smallContent(sample),
        h(
          "span",
          { class: "similar-labels", dir: "auto" },
          breakable(given),
          changed ? [h("span", { class: "quiet" }, " → "), breakable(corrected)] : null,
        ),
        h("span", { class: "quiet small" }, state),
      ),
    );
  }
}

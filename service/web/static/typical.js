// Typical examples of the given and the suggested class, side by side.

import * as api from "./api.js";
import { breakable, fill, h, modal, problemBox } from "./dom.js";
import { smallContent } from "./neighbours.js";
import { queueAddress } from "./queue-address.js";

const SHOWN = 6;

/**
 * @param {string} auditId
 * @param {Suspect} item
 */
export async function openTypical(auditId, item) {
  const suggested = item.suggested_label ?? item.predicted_label;
  const labels = [...new Set([item.given_label, suggested])];
  const columns = labels.map((label) => column(auditId, label, label === item.given_label));
  modal(
    "Typical examples",
    h(
      "div",
      { class: "dialog-body" },
      h(
        "p",
        { class: "quiet small" },
        "The models are most confident about these samples. None is suspected, and nobody has judged them.",
      ),
      h("div", { class: "typical" }, columns),
    ),
    { wide: true },
  );
}

/**
 * @param {string} auditId
 * @param {string} label
 * @param {boolean} isGiven
 */
function column(auditId, label, isGiven) {
  const samples = h("div", {}, h("p", { class: "working" }, "Loading …"));
  load(auditId, label, samples);
  return h(
    "section",
    { "aria-label": label },
    h(
      "h3",
      {},
      h("span", { dir: "auto" }, breakable(label)),
      h("span", { class: "quiet" }, isGiven ? " (given)" : " (suggested)"),
    ),
    samples,
  );
}

/**
 * @param {string} auditId
 * @param {string} label
 * @param {HTMLElement} place
 */
async function load(auditId, label, place) {
  try {
    const query = { label, limit: SHOWN };
    const { items } = await api.get(`/v1/audits/${auditId}/typical-samples`, { query });
    if (items.length) fill(place, h("ul", {}, items.map(card)));
    else fill(place, h("p", { class: "quiet" }, "The models are sure of no sample of this class."));
  } catch (problem) {
    fill(place, problemBox(problem));
  }

  /** @param {Api.TypicalSample} sample */
  function card(sample) {
    const href = queueAddress(auditId, { sample: sample.sample_id });
    return h("li", {}, h("a", { class: "similar-card", href }, smallContent(sample)));
  }
}

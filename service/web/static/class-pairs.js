// The filter by class pair; those with the most open suspects first.

import * as api from "./api.js";
import { h } from "./dom.js";
import { number, shorten } from "./format.js";

/**
 * @param {string} auditId
 * @param {Filter} filter
 */
export function classPairFilter(auditId, filter) {
  const select = h(
    "select",
    { id: "pair", "aria-label": "Class pair" },
    h("option", { value: "" }, "All class pairs"),
  );
  select.addEventListener("change", () => {
    const query = new URLSearchParams(location.search);
    const [given, predicted] = select.value ? JSON.parse(select.value) : ["", ""];
    for (const [name, value] of [
      ["given_label", given],
      ["predicted_label", predicted],
    ]) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    location.search = query.toString();
  });
  load(select, auditId, filter);
  return select;
}

/**
 * @param {HTMLSelectElement} select
 * @param {string} auditId
 * @param {Filter} filter
 */
async function load(select, auditId, filter) {
  let pairs;
  try {
    pairs = (await api.getAll(`/v1/audits/${auditId}/class-pairs`, { tier: filter.tier })).items;
  } catch {
    select.remove(); // the queue works without it
    return;
  }
  for (const { given_label: given, predicted_label: predicted, open } of pairs) {
    const title = `${shorten(given, 24)} → ${shorten(predicted, 24)}: ${number(open)}`;
    select.append(h("option", { value: JSON.stringify([given, predicted]) }, title));
  }
  const selected = JSON.stringify([filter.given_label, filter.predicted_label]);
  if (filter.given_label !== undefined && filter.predicted_label !== undefined) {
    if (![...select.options].some((option) => option.value === selected)) {
      select.append(
        h("option", { value: selected }, `${filter.given_label} → ${filter.predicted_label}`),
      );
    }
    select.value = selected;
  }
}

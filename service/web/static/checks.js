// What was found about the dataset as a whole, and groups in which predictions are worse.

import { h } from "./dom.js";
import { number, percent } from "./format.js";

/**
 * A section of the overview; none where no check found something.
 * @param {Summary} summary
 */
export function checksSection({ checks }) {
  const found = checks.filter((check) => check.found);
  if (!found.length) return null;
  const groups = found.flatMap((check) => check.groups ?? []);
  return h(
    "section",
    { class: "checks" },
    h("h2", {}, "The dataset as a whole"),
    h(
      "ul",
      {},
      found.map((check) => h("li", { "data-check": check.name }, check.detail)),
    ),
    groups.length ? groupsTable(groups) : null,
  );
}

/** @param {Array<Summary["checks"][number]["groups"][number]>} groups */
function groupsTable(groups) {
  const titles = ["Group", "Samples", "Labels that predictions confirm", "Elsewhere", "Examples"];
  const table = h(
    "table",
    { class: "table" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        titles.map((title) => h("th", { scope: "col" }, title)),
      ),
    ),
    h(
      "tbody",
      {},
      groups.map((group) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, group.name),
          h("td", {}, number(group.size)),
          h(
            "td",
            {},
            `${percent(group.accuracy)} (${percent(group.accuracy_low)} to ${percent(group.accuracy_high)})`,
          ),
          h("td", {}, percent(group.elsewhere)),
          h("td", {}, group.sample_ids.join(", ")),
        ),
      ),
    ),
  );
  return h("div", { class: "scroll" }, table);
}

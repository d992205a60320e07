// The errors that were found: by reviewed samples against a random order, and by reviewer.

import { h } from "./dom.js";
import { ago, number, percent, plural } from "./format.js";
import { plot } from "./plots.js";

/**
 * @param {Api.FindingsRead} found
 * @param {string} id
 */
export function findingsSection(found, id) {
  return h(
    "section",
    {},
    h("h2", {}, "Errors found"),
    h("p", { class: "quiet" }, describe(found)),
    h(
      "div",
      { class: "findings-row" },
      plot(id, "findings", { alt: "Errors found by number of samples reviewed" }),
      annotators(found.people),
    ),
  );
}

/** @param {Api.FindingsRead} options */
function describe({ reviewed, errors, noise_rate: rate }) {
  if (!reviewed)
    return "No sample has been decided yet. The chart fills in as samples are decided.";
  const found = Math.round((100 * errors) / reviewed);
  const random = rate
    ? ` Random samples would have ${Math.round(100 * (rate.low ?? rate.value))} to ${Math.round(100 * (rate.high ?? rate.value))} per 100.`
    : "";
  return `${plural(errors, "error")} found in ${number(reviewed)} reviewed: ${found} per 100.${random}`;
}

/** @param {Api.PersonFound[]} list */
function annotators(list) {
  if (!list.length) return null;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Progress of the team" },
    h(
      "table",
      { class: "table" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Annotator", "Reviewed", "Errors found", "Last active"].map((title, index) =>
            h("th", { scope: "col", class: index && index < 3 ? "num" : "" }, title),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        list.map((person) =>
          h(
            "tr",
            {},
            h("th", { scope: "row", dir: "auto" }, person.name),
            h("td", { class: "num" }, number(person.reviewed)),
            h(
              "td",
              { class: "num" },
              number(person.errors),
              h("span", { class: "quiet small" }, ` ${percent(person.errors / person.reviewed)}`),
            ),
            h("td", { class: "quiet" }, ago(person.last_at)),
          ),
        ),
      ),
    ),
  );
}

// What the reviewers have found: errors by samples reviewed against random review, and how much each person reviewed.

import { h } from "./dom.js";
import { ago, number, percent, plural } from "./format.js";
import { picture } from "./pictures.js";

export function findingsSection(found, id) {
  return h(
    "section",
    {},
    h("h2", {}, "Errors found"),
    h("p", { class: "quiet" }, inWords(found)),
    h(
      "div",
      { class: "findings-row" },
      picture(id, "findings", { alt: "Errors found by samples reviewed" }),
      people(found.people),
    ),
  );
}

function inWords({ reviewed, errors, noise_rate: random }) {
  if (!reviewed) return "Nobody has reviewed a sample yet. The first verdicts will appear here.";
  const per = Math.round((100 * errors) / reviewed);
  const expected = random
    ? ` Random samples would have ${Math.round(100 * random.low)} to ${Math.round(100 * random.high)}.`
    : "";
  return `${plural(errors, "error")} in ${plural(reviewed, "sample")} reviewed: ${per} per 100.${expected}`;
}

function people(list) {
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
          ["Annotator", "Decided", "Errors", "Last"].map((title, index) =>
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
            h("th", { scope: "row", dir: "auto" }, person.annotator),
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

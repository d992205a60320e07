// What the reviewers have found: errors by look against chance, and who has decided how many.

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
      picture(id, "findings", { alt: "Errors found by samples looked at" }),
      people(found.people),
    ),
  );
}

function inWords({ looks, errors, chance }) {
  if (!looks) return "Nobody has decided a sample yet. The picture fills with the first verdicts.";
  const per = Math.round((100 * errors) / looks);
  const random = chance
    ? ` Looking at random would find ${Math.round(100 * chance.low)} to ${Math.round(100 * chance.high)}.`
    : "";
  return `${plural(errors, "error")} in ${plural(looks, "look")}: ${per} per hundred.${random}`;
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
            h("td", { class: "num" }, number(person.looks)),
            h(
              "td",
              { class: "num" },
              number(person.errors),
              h("span", { class: "quiet small" }, ` ${percent(person.errors / person.looks)}`),
            ),
            h("td", { class: "quiet" }, ago(person.last_at)),
          ),
        ),
      ),
    ),
  );
}

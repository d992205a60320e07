// The filter of queue and grid by words, class and score, with the count of what it leaves.

import * as api from "./api.js";
import { button, fill, h, modal } from "./dom.js";
import { plural } from "./format.js";

const COUNT_DELAY_MS = 250;
const MAX_SEARCH = 200;
const MAX_OPTIONS = 500; // of 3,000 classes, a browser's list helps nobody

/**
 * How many samples a filter leaves, said in an element.
 * @param {HTMLElement} element
 * @param {string} auditId
 * @param {Filter} filter
 */
export async function showCount(element, auditId, { purpose, state, ...filter }) {
  const query = {
    ...filter,
    state: purpose === "adjudicate" ? "disputed" : (state ?? "open"),
    tier: filter.tier ?? (filter.issue ? undefined : ["obvious", "possible"]),
    total: true,
    limit: 1,
  };
  try {
    const { total } = await api.get(`/v1/audits/${auditId}/suspects`, { query });
    element.textContent = `${plural(total, "open sample matches", "open samples match")}`;
  } catch (problem) {
    element.textContent = problem.detail || "The samples could not be counted.";
  }
}

/**
 * `apply` gets the address's new values; an empty one removes a filter.
 * @param {Filter} filter
 * @param {Summary} summary
 * @param {(values: Record<string, string>) => void} apply
 */
export function openFilter(filter, { audit_id: auditId, class_names: names }, apply) {
  const given = classField("filter-given", filter.given_label, names);
  const predicted = classField("filter-predicted", filter.predicted_label, names);
  const from = percentField("filter-from", filter.p_wrong_from);
  const to = percentField("filter-to", filter.p_wrong_to);
  const search = h("input", {
    id: "filter-search",
    type: "search",
    maxlength: MAX_SEARCH,
    value: filter.search ?? "",
    autocomplete: "off",
    placeholder: "words in the sample or its name",
  });
  const count = h("p", { class: "filter-count", role: "status" });
  const fields = [search, given, predicted, from, to];

  const check = () => {
    for (const field of [given, predicted]) {
      const known = field.value === "" || names.includes(field.value);
      field.setCustomValidity(known ? "" : "The dataset has no class of this name.");
    }
    const reversed = from.value && to.value && Number(from.value) > Number(to.value);
    to.setCustomValidity(reversed ? "This is less than the lower end." : "");
    return fields.every((field) => field.checkValidity());
  };
  const recount = () => {
    if (!check()) {
      fill(count, fields.find((one) => !one.validity.valid)?.validationMessage);
      return;
    }
    showCount(count, auditId, {
      ...filter,
      search: search.value.trim() || undefined,
      given_label: given.value || undefined,
      predicted_label: predicted.value || undefined,
      p_wrong_from: share(from),
      p_wrong_to: share(to),
    });
  };
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    if (!check()) {
      recount();
      return;
    }
    apply({
      search: search.value.trim(),
      given_label: given.value,
      predicted_label: predicted.value,
      p_wrong_from: text(share(from)),
      p_wrong_to: text(share(to)),
    });
  };
  const clear = () => {
    for (const field of fields) field.value = "";
    recount();
  };
  modal(
    "Filter",
    h(
      "form",
      {
        class: "dialog-body filter-form",
        novalidate: true,
        on: {
          submit,
          input: () => {
            clearTimeout(timer);
            timer = setTimeout(recount, COUNT_DELAY_MS);
          },
        },
      },
      classList(names),
      h("label", { for: "filter-search" }, "Contains", search),
      h("label", { for: "filter-given" }, "Given label", given),
      h("label", { for: "filter-predicted" }, "Predicted label", predicted),
      h(
        "fieldset",
        {},
        h("legend", {}, "Probably wrong, in percent"),
        h("div", { class: "row" }, from, "to", to),
      ),
      count,
      h(
        "div",
        { class: "row end" },
        button("Clear", clear, { class: "link-button" }),
        h("button", { type: "submit", class: "button primary" }, "Show these"),
      ),
    ),
  );
  recount();
}

/** @param {string[]} names */
const classList = (names) =>
  h(
    "datalist",
    { id: "filter-classes" },
    names.slice(0, MAX_OPTIONS).map((name) => h("option", { value: name })),
  );

/**
 * @param {string} id
 * @param {string | undefined} value
 * @param {string[]} names
 */
const classField = (id, value, names) =>
  h("input", {
    id,
    value: value ?? "",
    list: "filter-classes",
    autocomplete: "off",
    placeholder: `any of ${plural(names.length, "class", "classes")}`,
  });

/**
 * @param {string} id
 * @param {number | undefined} value
 */
const percentField = (id, value) =>
  h("input", {
    id,
    type: "number",
    min: 0,
    max: 100,
    step: "any",
    inputmode: "decimal",
    value: value === undefined ? "" : String(Number((100 * value).toFixed(2))),
    placeholder: id === "filter-from" ? "0" : "100",
    "aria-label": id === "filter-from" ? "At least, in percent" : "At most, in percent",
  });

/** @param {HTMLInputElement} field */
const share = (field) => (field.value === "" ? undefined : Number(field.value) / 100);

/** @param {number | undefined} value */
const text = (value) => (value === undefined ? "" : String(Number(value.toFixed(4))));

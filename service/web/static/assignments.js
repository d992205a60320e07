// How many opinions each sample needs, who adjudicates, and which parts of the queue are assigned to whom.

import * as api from "./api.js";
import { announce, button, fill, h, problemBox } from "./dom.js";

/**
 * @param {string} base
 * @param {Api.ReviewSettingsRead} settings
 * @param {Api.Person[]} people
 * @param {Draw} draw
 */
export function opinionsSection(base, settings, people, draw) {
  const errors = h("div");
  const adjudicators = new Set(settings.adjudicators.map(({ id }) => id));
  /** @param {number} opinions */
  const save = async (opinions) => {
    try {
      await api.put(`${base}/review-settings`, { opinions, adjudicators: [...adjudicators] });
      await draw();
      announce("Saved.");
    } catch (problem) {
      fill(errors, problemBox(problem));
    }
  };
  const select = h(
    "select",
    { id: "opinions" },
    [1, 2, 3, 4, 5].map((n) => h("option", { value: n }, n)),
  );
  select.value = String(settings.opinions);
  select.addEventListener("change", () => save(Number(select.value)));
  /** @param {Api.Person} person */
  const toggle = (person) => {
    if (!adjudicators.delete(person.id)) adjudicators.add(person.id);
    return save(settings.opinions);
  };
  return h(
    "section",
    {},
    h("h2", {}, "Opinions"),
    h(
      "div",
      { class: "row" },
      h("label", { for: "opinions" }, "Reviewers per sample"),
      h("span", {}, select),
    ),
    h(
      "p",
      { class: "quiet" },
      "Reviewers do not see each other's opinions. If they disagree, the sample is disputed and goes to an adjudicator.",
    ),
    h(
      "fieldset",
      { class: "people" },
      h("legend", {}, "Additional adjudicators"),
      people.map((person) =>
        check(person.name, {
          checked: adjudicators.has(person.id),
          on: { change: () => toggle(person) },
        }),
      ),
    ),
    errors,
  );
}

/**
 * @param {string} text
 * @param {Props} props
 */
const check = (text, props) =>
  h(
    "label",
    { class: "check" },
    h("input", { type: "checkbox", ...props }),
    h("span", { dir: "auto" }, text),
  );

/**
 * @param {string} base
 * @param {Api.AssignmentRead[]} assignments
 * @param {boolean} mayManage
 * @param {Draw} draw
 */
export function assignmentsSection(base, assignments, mayManage, draw) {
  const errors = h("div");
  /** @param {Api.AssignmentRead} assignment */
  const remove = async (assignment) => {
    try {
      await api.remove(`${base}/assignments/${encodeURIComponent(assignment.id)}`);
      await draw();
      announce("Assignment removed. Decisions already made are kept.");
    } catch (problem) {
      fill(errors, problemBox(problem));
    }
  };
  /** @param {Api.AssignmentRead} assignment */
  const describe = (assignment) =>
    [
      assignment.tier.join(" and "),
      assignment.given_label && `given ${assignment.given_label}`,
      assignment.predicted_label && `predicted ${assignment.predicted_label}`,
      assignment.split && "in equal shares",
      assignment.reserved && "reserved",
    ]
      .filter(Boolean)
      .join(", ");
  return h(
    "section",
    {},
    h("h2", {}, "Assignments"),
    assignments.length
      ? h(
          "ul",
          { class: "events" },
          assignments.map((assignment) =>
            h(
              "li",
              { class: "event" },
              h("strong", { dir: "auto" }, assignment.name),
              `for ${assignment.people.map((person) => person.name).join(", ")}`,
              h("span", { class: "quiet small" }, describe(assignment)),
              mayManage
                ? button("Remove", () => remove(assignment), {
                    class: "link-button",
                    "aria-label": `Remove ${assignment.name}`,
                  })
                : null,
            ),
          ),
        )
      : h(
          "p",
          { class: "quiet" },
          "None. Everyone reviews the whole queue, the most suspicious samples first.",
        ),
    errors,
  );
}

/**
 * @param {string} base
 * @param {Dataset} dataset
 * @param {Api.Person[]} people
 * @param {Draw} draw
 */
export function assignmentForm(base, dataset, people, draw) {
  const errors = h("div");
  /**
   * @param {string} name
   * @param {string} title
   */
  const classes = (name, title) =>
    h(
      "label",
      {},
      title,
      h(
        "select",
        { name },
        h("option", { value: "" }, "Any class"),
        dataset.class_names.map((className) => h("option", { value: className }, className)),
      ),
    );
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    try {
      await api.post(`${base}/assignments`, {
        name: form.get("name"),
        people: form.getAll("people"),
        tier: String(form.get("tier")).split(" "),
        given_label: form.get("given_label") || null,
        predicted_label: form.get("predicted_label") || null,
        split: form.has("split"),
        reserved: form.has("reserved"),
      });
      await draw();
      announce("Assigned.");
    } catch (problem) {
      fill(errors, problemBox(problem));
    }
  };
  return h(
    "details",
    { class: "assign" },
    h("summary", {}, "Assign part of the queue"),
    h(
      "form",
      { class: "fields narrow-form", on: { submit } },
      h("label", {}, "Name", h("input", { name: "name", required: true, maxlength: 200 })),
      h(
        "label",
        {},
        "Tier",
        h(
          "select",
          { name: "tier" },
          [
            ["obvious possible", "Obvious and possible"],
            ["obvious", "Obvious only"],
            ["possible", "Possible only"],
            ["none", "Not suspected"],
          ].map(([value, title]) => h("option", { value }, title)),
        ),
      ),
      classes("given_label", "Given label"),
      classes("predicted_label", "Predicted label"),
      h(
        "fieldset",
        { class: "people" },
        h("legend", {}, "People"),
        people.map((person) => check(person.name, { name: "people", value: person.id })),
      ),
      check("Split equally between them", { name: "split" }),
      check("Reserve for these people", { name: "reserved" }),
      errors,
      h(
        "div",
        { class: "row" },
        h("button", { type: "submit", class: "button primary" }, "Assign"),
      ),
    ),
  );
}

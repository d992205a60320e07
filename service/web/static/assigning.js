// Who is to do what: opinions wanted of each sample, adjudicators, parts of the queue for people.

import * as api from "./api.js";
import { announce, button, fill, h, problemBox } from "./dom.js";

export function opinionsSection(base, settings, people, draw) {
  const fault = h("div");
  const save = async (changes) => {
    try {
      await api.put(`${base}/review-settings`, { ...settings, ...changes });
      await draw();
      announce("Saved.");
    } catch (problem) {
      fill(fault, problemBox(problem));
    }
  };
  const select = h("select", { id: "opinions" }, [1, 2, 3, 4, 5].map((n) => h("option", { value: n }, n)));
  select.value = settings.opinions;
  select.addEventListener("change", () => save({ opinions: Number(select.value) }));
  const named = new Set(settings.adjudicators);
  const toggle = (person) => {
    if (!named.delete(person.id)) named.add(person.id);
    return save({ adjudicators: [...named] });
  };
  return h(
    "section",
    {},
    h("h2", {}, "Opinions"),
    h("div", { class: "row" }, h("label", { for: "opinions" }, "People who judge each sample"), h("span", {}, select)),
    h("p", { class: "quiet" }, "The second sees nothing of what the first said. Where they differ, the sample is disputed and waits for an adjudicator."),
    h(
      "fieldset",
      { class: "people" },
      h("legend", {}, "Adjudicators, besides those who lead"),
      people.map((person) => check(person.name, { checked: named.has(person.id), on: { change: () => toggle(person) } })),
    ),
    fault,
  );
}

const check = (text, props) =>
  h("label", { class: "check" }, h("input", { type: "checkbox", ...props }), h("span", { dir: "auto" }, text));

export function assignmentsSection(base, assignments, leads, draw) {
  const fault = h("div");
  const close = async (part) => {
    try {
      await api.remove(`${base}/assignments/${encodeURIComponent(part.id)}`);
      await draw();
      announce("Taken back; what was decided stays.");
    } catch (problem) {
      fill(fault, problemBox(problem));
    }
  };
  const words = (part) =>
    [part.tier.join(" and "), part.given_label && `given ${part.given_label}`, part.predicted_label && `models say ${part.predicted_label}`, part.split && "in equal shares", part.reserved && "for nobody else"].filter(Boolean).join(", ");
  return h(
    "section",
    {},
    h("h2", {}, "Assignments"),
    assignments.length
      ? h("ul", { class: "events" }, assignments.map((part) =>
          h(
            "li",
            { class: "event" },
            h("strong", { dir: "auto" }, part.name),
            `for ${part.people.map((person) => person.name).join(", ")}`,
            h("span", { class: "quiet small" }, words(part)),
            leads ? button("Take back", () => close(part), { class: "link-button", "aria-label": `Take back ${part.name}` }) : null,
          )))
      : h("p", { class: "quiet" }, "None: everybody is served the whole queue, worst first."),
    fault,
  );
}

export function assignForm(base, dataset, people, draw) {
  const fault = h("div");
  const classes = (name, title) =>
    h(
      "label",
      {},
      title,
      h("select", { name }, h("option", { value: "" }, "any class"), dataset.class_names.map((one) => h("option", { value: one }, one))),
    );
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    try {
      await api.post(`${base}/assignments`, {
        name: form.get("name"),
        people: form.getAll("people"),
        tier: form.get("tier").split(" "),
        given_label: form.get("given_label") || null,
        predicted_label: form.get("predicted_label") || null,
        split: form.has("split"),
        reserved: form.has("reserved"),
      });
      await draw();
      announce("Assigned.");
    } catch (problem) {
      fill(fault, problemBox(problem));
    }
  };
  return h(
    "details",
    { class: "assign" },
    h("summary", {}, "Assign a part of the queue"),
    h(
      "form",
      { class: "fields narrow-form", on: { submit } },
      h("label", {}, "Name", h("input", { name: "name", required: true, maxlength: 200 })),
      h(
        "label",
        {},
        "Tier",
        h("select", { name: "tier" }, [["obvious possible", "Obvious and possible"], ["obvious", "Obvious only"], ["possible", "Possible only"], ["none", "Not suspected"]].map(([value, title]) => h("option", { value }, title))),
      ),
      classes("given_label", "Given label"),
      classes("predicted_label", "Models say"),
      h("fieldset", { class: "people" }, h("legend", {}, "People"), people.map((person) => check(person.name, { name: "people", value: person.id }))),
      check("Each gets an equal share", { name: "split" }),
      check("Nobody else is served these samples", { name: "reserved" }),
      fault,
      h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, "Assign")),
    ),
  );
}

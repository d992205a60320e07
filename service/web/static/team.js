// The team of an audit: who did how much, how fast, how far they agree; who is to do what.

import * as api from "./api.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { ago, number, percent } from "./format.js";
import { reviewHead } from "./reviewhead.js";
import { waitingView } from "./ending.js";

export async function show(main, { id }) {
  fill(main, waitingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Team of ${dataset.name} · labelaudit`;
  const page = h("div", { class: "page team" });
  const draw = async () => fill(page, await sections(id, dataset, draw));
  fill(main, h("div", { class: "review" }, reviewHead(dataset, id, "team"), page));
  await draw();
}

async function sections(id, dataset, draw) {
  const base = `/v1/audits/${id}`;
  const [team, assignments, settings] = await Promise.all([
    api.get(`${base}/team`),
    api.get(`${base}/assignments`),
    api.get(`${base}/review-settings`),
  ]);
  const leads = api.may("audits:run");
  const people = leads ? await api.get(`${base}/people`) : [];
  return [
    members(base, team.members, draw),
    leads ? opinions(base, settings, people, draw) : null,
    parts(base, assignments, leads, draw),
    leads ? assign(base, dataset, people, draw) : null,
  ];
}

function members(base, rows, draw) {
  const fault = h("div");
  const undoAll = async (row) => {
    if (!confirm(`Undo everything ${row.name} decided in this audit? This can be undone too.`)) return;
    try {
      const undone = await api.post(`${base}/team/${encodeURIComponent(row.id)}/revert`);
      await draw();
      announce(`${undone.reverted} decisions undone.`);
      if (undone.batch_id) offerBack(base, undone, draw);
    } catch (problem) {
      fill(fault, problemBox(problem));
    }
  };
  if (!rows.length)
    return h("section", {}, h("h2", {}, "Team"), h("p", { class: "quiet" }, "Nobody has decided anything yet."));
  const titles = ["Who", "Decisions", "Skipped", "Undone", "Per hour", "Agree", "Upheld", "Last", ""];
  return h(
    "section",
    {},
    h("h2", {}, "Team"),
    h("p", { class: "quiet" }, "Agreement is with others' opinions of the same samples; upheld, what was decided in the end."),
    fault,
    h("div", { id: "undone" }),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures of the team" },
      h(
        "table",
        { class: "table" },
        h("thead", {}, h("tr", {}, titles.map((title, index) =>
          h("th", { scope: "col", class: index && index < 7 ? "num" : "" }, title || h("span", { class: "visually-hidden" }, "Undo"))))),
        h("tbody", {}, rows.map((row) =>
          h(
            "tr",
            {},
            h("th", { scope: "row", dir: "auto" }, row.name),
            [number(row.decisions), number(row.skips), number(row.undone), row.per_hour === null ? "–" : number(Math.round(row.per_hour))].map((text) => h("td", { class: "num" }, text)),
            h("td", { class: "num" }, share(row.agreement)),
            h("td", { class: "num" }, share(row.upheld)),
            h("td", {}, row.last_at ? ago(row.last_at) : "–"),
            h("td", {}, button("Undo all …", () => undoAll(row), { class: "link-button", "aria-label": `Undo all that ${row.name} decided` })),
          ))),
      ),
    ),
  );
}

function offerBack(base, undone, draw) {
  fill(
    document.getElementById("undone"),
    h(
      "p",
      { class: "notice slow" },
      `${number(undone.reverted)} decisions undone. `,
      button("Bring them back", async () => {
        await api.post(`${base}/batches/${undone.batch_id}/revert`);
        await draw();
        announce("They are back.");
      }, { class: "link-button" }),
    ),
  );
}

const share = (value) =>
  value === null
    ? h("span", { class: "quiet" }, "–")
    : [
        h("strong", {}, percent(value.estimate)),
        h("span", { class: "quiet small block" }, `${percent(value.low)} – ${percent(value.high)}, n = ${number(value.n)}`),
      ];

function opinions(base, settings, people, draw) {
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

function parts(base, assignments, leads, draw) {
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

function assign(base, dataset, people, draw) {
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

// The team of an audit: who did how much, how fast, how far they agree.

import * as api from "./api.js";
import { assignForm, assignmentsSection, opinionsSection } from "./assigning.js";
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
    leads ? opinionsSection(base, settings, people, draw) : null,
    assignmentsSection(base, assignments, leads, draw),
    leads ? assignForm(base, dataset, people, draw) : null,
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
            [number(row.verdicts), number(row.skips), number(row.reverted), row.per_hour === null ? "–" : number(Math.round(row.per_hour))].map((text) => h("td", { class: "num" }, text)),
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

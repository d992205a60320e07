// The team of an audit: how much each member reviewed, how fast, and how often they agree.

import * as api from "./api.js";
import { assignmentForm, assignmentsSection, opinionsSection } from "./assignments.js";
import { announce, button, byId, fill, h, problemBox } from "./dom.js";
import { loadingView } from "./empty-state.js";
import { ago, interval, number, percent, plural } from "./format.js";
import { reviewHead } from "./review-head.js";

/**
 * @param {HTMLElement} main
 * @param {{ id: string }} options
 */
export async function show(main, { id }) {
  fill(main, loadingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Team of ${dataset.name} · labelaudit`;
  const page = h("div", { class: "page team" });
  const draw = async () => fill(page, await sections(id, dataset, draw));
  fill(main, h("div", { class: "review" }, reviewHead(dataset, id, "team"), page));
  await draw();
}

/**
 * @param {string} id
 * @param {Dataset} dataset
 * @param {Draw} draw
 */
async function sections(id, dataset, draw) {
  const base = `/v1/audits/${id}`;
  const [team, assignments, settings] = await Promise.all([
    api.getAll(`${base}/team`),
    api.getAll(`${base}/assignments`),
    api.get(`${base}/review-settings`),
  ]);
  const mayManage = api.may("audits:run");
  const people = mayManage ? (await api.getAll(`${base}/people`)).items : [];
  return [
    members(base, team.items, draw),
    mayManage ? opinionsSection(base, settings, people, draw) : null,
    assignmentsSection(base, assignments.items, mayManage, draw),
    mayManage ? assignmentForm(base, dataset, people, draw) : null,
  ];
}

/**
 * @param {string} base
 * @param {Api.TeamMember[]} rows
 * @param {Draw} draw
 */
function members(base, rows, draw) {
  /** @param {Api.TeamMember} row */
  const undoAll = async (row) => {
    const question = `Undo all decisions by ${row.name} in this audit? You can restore them afterwards.`;
    if (!confirm(question)) return;
    const undone = await revert(base, { person_id: row.id }, draw);
    if (!undone) return;
    announce(`${plural(undone.reverted, "decision")} undone.`);
    offerRedo(base, undone, draw);
  };
  if (!rows.length)
    return h("section", {}, h("h2", {}, "Team"), h("p", { class: "quiet" }, "No decisions yet."));
  const titles = [
    "Member",
    "Decisions",
    "Skipped",
    "Undone",
    "Per hour",
    "Agreement",
    "Upheld",
    "Last active",
    "",
  ];
  return h(
    "section",
    {},
    h("h2", {}, "Team"),
    h(
      "p",
      { class: "quiet" },
      "Agreement: the share of opinions that match others' on the same samples. Upheld: the share that match the final decision.",
    ),
    h("div", { id: "undone" }),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Team statistics" },
      h(
        "table",
        { class: "table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            titles.map((title, index) =>
              h(
                "th",
                { scope: "col", class: index && index < 7 ? "num" : "" },
                title || h("span", { class: "visually-hidden" }, "Undo"),
              ),
            ),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map((row) =>
            h(
              "tr",
              {},
              h("th", { scope: "row", dir: "auto" }, row.name),
              [
                number(row.verdicts),
                number(row.skips),
                number(row.reverted),
                row.per_hour === null ? "–" : number(Math.round(row.per_hour)),
              ].map((text) => h("td", { class: "num" }, text)),
              h("td", { class: "num" }, share(row.agreement)),
              h("td", { class: "num" }, share(row.upheld)),
              h("td", {}, row.last_at ? ago(row.last_at) : "–"),
              h(
                "td",
                {},
                button("Undo all …", () => undoAll(row), {
                  class: "link-button",
                  "aria-label": `Undo all decisions by ${row.name}`,
                }),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * Revert decisions, and say so if none of them is in force any more.
 * @param {string} base
 * @param {Partial<Api.RevertCreate>} target
 * @param {Draw} draw
 * @returns {Promise<Api.RevertRead | null>}
 */
async function revert(base, target, draw) {
  try {
    const made = await api.post(`${base}/reverts`, target);
    await draw();
    return made;
  } catch (problem) {
    if (problem.is?.("nothing-to-revert")) await draw();
    fill(byId("undone"), problemBox(problem));
    return null;
  }
}

/**
 * @param {string} base
 * @param {Api.RevertRead} undone
 * @param {Draw} draw
 */
function offerRedo(base, undone, draw) {
  fill(
    byId("undone"),
    h(
      "p",
      { class: "notice slow" },
      `${plural(undone.reverted, "decision")} undone. `,
      button(
        "Restore them",
        async () => {
          if (await revert(base, { batch_id: undone.id }, draw)) announce("Decisions restored.");
        },
        { class: "link-button" },
      ),
    ),
  );
}

/** @param {Api.Share | null} value */
const share = (value) =>
  value === null
    ? h("span", { class: "quiet" }, "–")
    : [
        h("strong", {}, percent(value.value)),
        h("span", { class: "quiet small block" }, `${interval(value)}, n = ${number(value.n)}`),
      ];

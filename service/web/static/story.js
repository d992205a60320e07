// A sample's whole story: its labels, every decision and undoing, what people said; and room to say more.

import * as api from "./api.js";
import { announce, breakable, button, fill, h, modal, problemBox } from "./dom.js";
import { ago, percent } from "./format.js";

export async function openStory(auditId, sampleId, { onUndo } = {}) {
  const body = h("div", { class: "dialog-body story" }, h("p", { class: "quiet" }, "Reading …"));
  modal("History", body, { wide: true });
  const draw = async () => {
    try {
      const query = { sample_id: sampleId };
      const story = await api.get(`/v1/audits/${auditId}/history`, { query });
      fill(body, head(story), events(story, undo), hidden(story), commentForm(say));
    } catch (problem) {
      fill(body, problemBox(problem));
    }
  };
  const act = async (path, sent, words) => {
    try {
      await api.post(`/v1/audits/${auditId}/${path}`, sent);
      announce(words);
      await draw();
    } catch (problem) {
      body.prepend(problemBox(problem));
    }
  };
  const undo = async (row) => {
    await act(`corrections/${encodeURIComponent(row.id)}/revert`, undefined, "Undone.");
    onUndo?.();
  };
  const say = (text) => act("comments", { sample_id: sampleId, text }, "Said.");
  await draw();
}

function head(story) {
  const now =
    { open: "Open", skipped: "Skipped", disputed: "Disputed" }[story.state] ??
    (story.corrected_label === null ? "Excluded" : `Decided: ${story.corrected_label}`);
  return h(
    "dl",
    { class: "versus" },
    pair("Sample", story.sample_id),
    pair("Given label", story.given_label ?? "–"),
    pair("Now", story.wanted > 1 ? `${now} (${story.wanted} opinions wanted)` : now),
    story.ranks.map((rank) =>
      pair(`Audit of ${ago(rank.created_at)}`, `rank ${rank.rank}, ${percent(rank.p_wrong)} wrong`),
    ),
  );
}

const pair = (name, value) =>
  h("div", {}, h("dt", {}, name), h("dd", { dir: "auto" }, breakable(value)));

function events(story, undo) {
  const undone = undoneIds(story.corrections);
  const all = [
    ...story.corrections.map((row) => ({ at: row.created_at, node: correction(row, undone, undo) })),
    ...story.comments.map((said) => ({ at: said.created_at, node: comment(said) })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
  if (!all.length) return h("p", { class: "quiet" }, "Nobody has decided or said anything yet.");
  return h(
    "ol",
    { class: "events" },
    all.map((event) => event.node),
  );
}

function correction(row, undone, undo) {
  const gone = undone.has(row.id);
  return h(
    "li",
    { class: gone ? "event undone" : "event" },
    h("span", { class: "who" }, h("strong", {}, row.annotator), " ", what(row)),
    row.note ? h("q", { dir: "auto" }, row.note) : null,
    h(
      "span",
      { class: "quiet small" },
      h("time", { datetime: row.created_at, title: row.created_at }, ago(row.created_at)),
      row.control ? ", judged blind" : "",
      gone ? ", undone" : "",
    ),
    gone || row.reverts
      ? null
      : button("Undo", () => undo(row), {
          class: "link-button",
          "aria-label": `Undo what ${row.annotator} decided`,
        }),
  );
}

function what(row) {
  if (row.reverts) return "undid a line of this history";
  if (row.verdict === "skip") return "skipped it";
  const said =
    row.verdict === "exclude"
      ? "excluded it"
      : row.verdict === "keep"
        ? `kept ${row.corrected_label}`
        : `changed it to ${row.corrected_label}`;
  return row.adjudication ? `decided the dispute: ${said}` : said;
}

function comment(said) {
  return h(
    "li",
    { class: "event said" },
    h("span", { class: "who" }, h("strong", {}, said.author), " said"),
    h("q", { dir: "auto" }, said.text),
    h("time", { class: "quiet small", datetime: said.created_at }, ago(said.created_at)),
  );
}

const hidden = (story) =>
  story.hidden
    ? h(
        "p",
        { class: "notice slow" },
        "Others have judged this sample. What they said is shown once everybody has.",
      )
    : null;

function commentForm(say) {
  const text = h("input", { id: "comment", maxlength: 4000, required: true, autocomplete: "off" });
  const submit = (event) => {
    event.preventDefault();
    if (text.value.trim()) say(text.value.trim());
  };
  return h(
    "form",
    { class: "comment-form", on: { submit } },
    h("label", { for: "comment" }, "Say something about this sample"),
    h("div", { class: "row" }, text, h("button", { class: "button", type: "submit" }, "Say it")),
  );
}

/** Ids of the rows that do not stand, of rows oldest first: an undoing that was itself undone undoes nothing. */
function undoneIds(rows) {
  const undone = new Set();
  for (const row of rows.toReversed()) {
    if (row.reverts && !undone.has(row.id)) undone.add(row.reverts);
  }
  return undone;
}

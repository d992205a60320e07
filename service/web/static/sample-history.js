// A sample's history: its labels, every decision and undo, and comments.

import * as api from "./api.js";
import { announce, breakable, button, fill, h, modal, problemBox } from "./dom.js";
import { ago, percent } from "./format.js";

/**
 * @param {string} datasetId
 * @param {string} sampleId
 */
export async function openSampleHistory(datasetId, sampleId) {
  const sample = `/v1/datasets/${datasetId}/samples/${encodeURIComponent(sampleId)}`;
  const body = h(
    "div",
    { class: "dialog-body sample-history" },
    h("p", { class: "quiet" }, "Loading …"),
  );
  modal("History", body, { wide: true });
  const draw = async () => {
    try {
      const history = await api.get(`${sample}/history`);
      fill(body, head(history), events(history, undo), hiddenNotice(history), commentForm(comment));
    } catch (problem) {
      fill(body, problemBox(problem));
    }
  };
  /**
   * @param {string} path
   * @param {unknown} sent
   * @param {string} announcement
   */
  const send = async (path, sent, announcement) => {
    try {
      await api.post(path, sent);
      announce(announcement);
      await draw();
    } catch (problem) {
      if (problem.is?.("nothing-to-revert")) await draw(); // undone elsewhere meanwhile
      body.prepend(problemBox(problem));
    }
  };
  /** @param {Api.CorrectionRead} correction */
  const undo = ({ audit_id, id }) =>
    send(`/v1/audits/${audit_id}/reverts`, { correction_id: id }, "Undone.");
  /** @param {string} text */
  const comment = (text) => send(`${sample}/comments`, { text }, "Comment added.");
  await draw();
}

/** @param {Api.SampleHistory} history */
function head(history) {
  const state =
    { open: "Open", skipped: "Skipped", disputed: "Disputed" }[history.state] ??
    (history.corrected_label === null ? "Excluded" : `Decided: ${history.corrected_label}`);
  return h(
    "dl",
    { class: "versus" },
    pair("Sample", history.sample_id),
    pair("Given label", history.given_label ?? "–"),
    pair("Status", history.wanted > 1 ? `${state} (${history.wanted} opinions needed)` : state),
    history.ranks.map((rank) =>
      pair(
        `Audit ${ago(rank.created_at)}`,
        `Rank ${rank.rank}, probably wrong: ${percent(rank.p_wrong)}`,
      ),
    ),
  );
}

/**
 * @param {string} name
 * @param {string} value
 */
const pair = (name, value) =>
  h("div", {}, h("dt", {}, name), h("dd", { dir: "auto" }, breakable(value)));

/**
 * @param {Api.SampleHistory} history
 * @param {(correction: Api.CorrectionRead) => void} undo
 */
function events(history, undo) {
  const undone = undoneIds(history.corrections);
  const all = [
    ...history.corrections.map((correction) => ({
      at: correction.created_at,
      node: correctionEvent(correction, undone.has(correction.id), undo),
    })),
    ...history.comments.map((comment) => ({ at: comment.created_at, node: commentEvent(comment) })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
  if (!all.length) return h("p", { class: "quiet" }, "No decisions or comments yet.");
  return h(
    "ol",
    { class: "events" },
    all.map((event) => event.node),
  );
}

/**
 * @param {Api.CorrectionRead} correction
 * @param {boolean} undone
 * @param {(correction: Api.CorrectionRead) => void} undo
 */
function correctionEvent(correction, undone, undo) {
  return h(
    "li",
    { class: undone ? "event undone" : "event" },
    h(
      "span",
      { class: "who" },
      h("strong", {}, correction.annotator.name),
      " ",
      describeCorrection(correction),
    ),
    correction.note ? h("q", { dir: "auto" }, correction.note) : null,
    h(
      "span",
      { class: "quiet small" },
      h(
        "time",
        { datetime: correction.created_at, title: correction.created_at },
        ago(correction.created_at),
      ),
      correction.control ? ", blind control" : "",
      undone ? ", undone" : "",
    ),
    undone || correction.reverts
      ? null
      : button("Undo", () => undo(correction), {
          class: "link-button",
          "aria-label": `Undo the decision by ${correction.annotator.name}`,
        }),
  );
}

/** @param {Api.CorrectionRead} correction */
function describeCorrection(correction) {
  if (correction.reverts) return "undid an earlier entry";
  if (correction.verdict === "skip") return "skipped it";
  const decision =
    correction.verdict === "exclude"
      ? "excluded it"
      : correction.verdict === "keep"
        ? `kept ${correction.corrected_label}`
        : `changed it to ${correction.corrected_label}`;
  return correction.adjudication ? `resolved the dispute: ${decision}` : decision;
}

/** @param {Api.CommentRead} comment */
function commentEvent(comment) {
  return h(
    "li",
    { class: "event comment" },
    h("span", { class: "who" }, h("strong", {}, comment.author.name), " commented"),
    h("q", { dir: "auto" }, comment.text),
    h("time", { class: "quiet small", datetime: comment.created_at }, ago(comment.created_at)),
  );
}

/** @param {Api.SampleHistory} history */
const hiddenNotice = (history) =>
  history.hidden
    ? h(
        "p",
        { class: "notice slow" },
        "Others have reviewed this sample. Their opinions are shown once everyone has decided.",
      )
    : null;

/** @param {(text: string) => void} onSubmit */
function commentForm(onSubmit) {
  const text = h("input", { id: "comment", maxlength: 4000, required: true, autocomplete: "off" });
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    if (text.value.trim()) onSubmit(text.value.trim());
  };
  return h(
    "form",
    { class: "comment-form", on: { submit } },
    h("label", { for: "comment" }, "Comment"),
    h(
      "div",
      { class: "row" },
      text,
      h("button", { class: "button", type: "submit" }, "Add comment"),
    ),
  );
}

/**
 * Ids of the corrections that are reverted, oldest first in `corrections`: a reverted revert does not
 * count.
 * @param {Array<Pick<Api.CorrectionRead, "id" | "reverts">>} corrections
 */
export function undoneIds(corrections) {
  const undone = new Set();
  for (const correction of corrections.toReversed()) {
    if (correction.reverts && !undone.has(correction.id)) undone.add(correction.reverts);
  }
  return undone;
}

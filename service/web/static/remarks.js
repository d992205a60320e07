// What people say about a sample: opinions, comments, and the note beside a verdict.

import { h } from "./dom.js";
import { ago } from "./format.js";

/** @type {Record<string, string>} */
const OUTCOMES = { keep: "kept", exclude: "excluded", skip: "skipped" };

/**
 * A note that is saved with the verdict; it stays with the sample until then.
 * @param {Suspect} item
 */
export function noteField(item) {
  const text = h("input", {
    id: "note",
    maxlength: 2000,
    autocomplete: "off",
    value: item.note ?? "",
    placeholder: "Note, saved with your verdict",
    "aria-label": "Note, saved with your verdict",
  });
  text.addEventListener("input", () => {
    item.note = text.value;
  });
  text.addEventListener("keydown", ({ key }) => {
    if (key === "Enter" || key === "Escape") text.blur(); // the keys decide again
  });
  return h("div", { class: "note-field" }, h("kbd", { "aria-hidden": "true" }, "n"), text);
}

/**
 * Each reviewer's opinion, for the adjudicator.
 * @param {Api.OpinionRead[]} opinions
 */
export function opinionList(opinions) {
  if (!opinions?.length) return null;
  return h(
    "ul",
    { class: "events opinions", "aria-label": "Opinions" },
    opinions.map((opinion) =>
      h(
        "li",
        { class: "event" },
        h("strong", { dir: "auto" }, opinion.annotator.name),
        h("span", { dir: "auto" }, currentVerdict(opinion)),
        h("span", { class: "quiet small" }, ago(opinion.created_at)),
        opinion.note ? h("q", { dir: "auto" }, opinion.note) : null,
      ),
    ),
  );
}

/**
 * What people said about the sample.
 * @param {Api.CommentRead[] | undefined} comments
 */
export function commentList(comments) {
  if (!comments?.length) return null;
  return h(
    "ul",
    { class: "events comments", "aria-label": "Comments" },
    comments.map((comment) =>
      h(
        "li",
        { class: "event" },
        h("strong", { dir: "auto" }, comment.author.name),
        h("q", { dir: "auto" }, comment.text),
        h("span", { class: "quiet small" }, ago(comment.created_at)),
      ),
    ),
  );
}

/** @param {{ verdict: Api.Verdict | null, corrected_label: string | null }} options */
export const currentVerdict = ({ verdict, corrected_label: label }) =>
  OUTCOMES[verdict ?? ""] ?? `changed to ${label}`;

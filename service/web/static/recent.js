// The drawer with one's own recent decisions: look at one again, change it, undo it.

import * as api from "./api.js";
import { announce, breakable, button, fill, h, modal, problemBox } from "./dom.js";
import { ago } from "./format.js";
import { smallContent } from "./neighbours.js";

const PAGE = 20;
// Set while the drawer is open, so that a reload opens it again.
const OPEN_KEY = "labelaudit.recent-decisions";
/** @type {Record<string, string>} */
const OUTCOMES = { keep: "kept", exclude: "excluded", skip: "skipped" };
/** @type {Record<string, string>} */
const STANDINGS = { undone: "undone", replaced: "changed later" };

/**
 * @typedef {{
 *   auditId: string,
 *   saved: () => Promise<unknown>,
 *   open: (decision: Api.OwnDecision) => unknown,
 *   undone: (decision: Api.OwnDecision) => unknown,
 * }} Drawer
 */

/**
 * `saved()` resolves once no decision waits to be saved; `open` and `undone` get the decision that
 * was chosen.
 * @param {Drawer} drawer
 */
export async function openRecentDecisions(drawer) {
  const list = h("ol", { class: "recent" });
  const more = h("div", { class: "row centre" });
  const body = h(
    "div",
    { class: "dialog-body" },
    h("p", { class: "quiet small" }, "Your own decisions in this audit, newest first."),
    list,
    more,
  );
  sessionStorage.setItem(OPEN_KEY, drawer.auditId);
  const dialog = modal("Recent decisions", body, {
    onClose: () => sessionStorage.removeItem(OPEN_KEY),
  });
  dialog.classList.add("drawer");
  fill(more, h("p", { class: "working" }, "Loading …"));
  await drawer.saved();
  await load(drawer, dialog, list, more, null);
}

/**
 * @param {Drawer} drawer
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} list
 * @param {HTMLElement} more
 * @param {string | null} cursor
 */
async function load(drawer, dialog, list, more, cursor) {
  try {
    const query = { limit: PAGE, cursor };
    const page = await api.get(`/v1/audits/${drawer.auditId}/own-decisions`, { query });
    list.append(...page.items.map((/** @type {any} */ one) => entry(drawer, dialog, one)));
    const next = page.next_cursor;
    const none = h("p", { class: "quiet" }, "You have decided nothing here yet.");
    fill(
      more,
      next ? button("Show older ones", () => load(drawer, dialog, list, more, next)) : null,
      list.children.length ? null : none,
    );
  } catch (problem) {
    const again = button("Try again", () => load(drawer, dialog, list, more, cursor));
    fill(more, problemBox(problem, { actions: [again] }));
  }
}

/**
 * @param {Drawer} drawer
 * @param {HTMLDialogElement} dialog
 * @param {Api.OwnDecision} decision
 */
function entry(drawer, dialog, decision) {
  const element = h("li", { class: `recent-entry ${decision.standing}` });
  const reopen = () => {
    dialog.close();
    drawer.open(decision);
  };
  const undo = async () => {
    try {
      const path = `/v1/audits/${drawer.auditId}/reverts`;
      await api.post(path, { correction_id: decision.id });
      decision.standing = "undone";
      announce("Undone.");
      drawer.undone(decision);
    } catch (problem) {
      if (!problem.is?.("nothing-to-revert")) return void element.append(problemBox(problem));
      decision.standing = "undone";
    }
    element.replaceWith(entry(drawer, dialog, decision));
  };
  const standing = STANDINGS[decision.standing];
  const name = `${decision.given_label} ${outcome(decision)}`;
  return fill(
    element,
    h("div", { class: "recent-content" }, smallContent(decision)),
    h(
      "div",
      { class: "recent-text" },
      h("p", { dir: "auto" }, breakable(decision.given_label), " ", verdict(decision)),
      decision.note ? h("q", { class: "small", dir: "auto" }, decision.note) : null,
      h(
        "p",
        { class: "quiet small" },
        h("time", { datetime: decision.created_at }, ago(decision.created_at)),
        standing ? `, ${standing}` : "",
      ),
      h(
        "div",
        { class: "row" },
        button(decision.standing === "current" ? "Change" : "Open", reopen, {
          class: "link-button",
          "aria-label": `Open ${decision.sample_id}: ${name}`,
        }),
        decision.standing === "current"
          ? button("Undo", undo, {
              class: "link-button",
              "aria-label": `Undo ${decision.sample_id}: ${name}`,
            })
          : null,
      ),
    ),
  );
}

/** @param {Api.OwnDecision} decision */
const outcome = ({ verdict: kind, corrected_label: label }) =>
  OUTCOMES[kind ?? ""] ?? `changed to ${label}`;

/** @param {Api.OwnDecision} decision */
function verdict({ verdict: kind, corrected_label: label }) {
  const said = OUTCOMES[kind ?? ""];
  if (said) return h("span", { class: "quiet" }, said);
  return [h("span", { class: "quiet" }, "→ "), h("strong", {}, breakable(label ?? ""))];
}

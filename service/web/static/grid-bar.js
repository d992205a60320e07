// The bar below the grid: how many samples are selected, and what can be done with them.

import { button, fill, find, h } from "./dom.js";
import { number, plural } from "./format.js";
import { acceptTitle } from "./spoken.js";

/**
 * @typedef {{
 *   selected: Suspect[],
 *   total: number,
 *   mayUndo: boolean,
 *   selectAll: () => unknown,
 *   selectNone: () => unknown,
 *   decide: (verdict: Api.Verdict) => unknown,
 *   search: () => unknown,
 *   undo: () => unknown,
 * }} Bar
 */

/** The empty bar. */
export const gridBar = () =>
  h("div", {
    class: "grid-bar",
    role: "toolbar",
    "aria-label": "Actions for the selected samples",
  });

/**
 * Fill the bar; the button that has the keyboard focus keeps it.
 * @param {HTMLElement} bar
 * @param {Bar} state
 */
export function drawGridBar(bar, { selected, total, mayUndo, ...on }) {
  const all = selected.length === total && selected.length > 0;
  const count = selected.length
    ? `${number(selected.length)} of ${number(total)} selected`
    : plural(total, "suspect");
  /**
   * @param {string} text
   * @param {string} key
   * @param {string} detail
   * @param {() => unknown} onClick
   */
  const action = (text, key, detail, onClick, kind = "") =>
    h(
      "button",
      {
        type: "button",
        class: `button ${kind}`,
        "aria-keyshortcuts": key,
        "data-key": key,
        title: `${text} ${detail}`,
        disabled: key === "u" ? !mayUndo : !selected.length,
        on: { click: onClick },
      },
      h("kbd", { "aria-hidden": "true" }, key),
      text,
    );
  const focused = document.activeElement
    ?.closest?.(".grid-bar [data-key]")
    ?.getAttribute("data-key");
  bar.hidden = !total && !mayUndo;
  fill(
    bar,
    h(
      "div",
      { class: "grid-count" },
      h("strong", { "aria-live": "polite" }, count),
      button(all ? "Select none" : "Select all", () => (all ? on.selectNone() : on.selectAll()), {
        class: "link-button",
        "data-key": "e",
        "aria-keyshortcuts": "e",
      }),
    ),
    h(
      "div",
      { class: "grid-actions" },
      action(
        acceptTitle(selected),
        "a",
        "for each selected sample",
        () => on.decide("accept_suggestion"),
        "primary",
      ),
      action("Keep", "k", "the given labels", () => on.decide("keep")),
      action("Relabel …", "/", "all selected samples", () => on.search()),
      action("Exclude", "x", "from the dataset", () => on.decide("exclude")),
      action("Skip", "s", "and decide later", () => on.decide("skip")),
      action("Undo", "u", "the last decision, for all its samples", () => on.undo()),
    ),
  );
  if (focused) find(bar, `[data-key="${focused}"]`)?.focus();
}

// The list of keyboard shortcuts, and the switch that turns single-key shortcuts off.

import { h, modal } from "./dom.js";

const STORAGE_KEY = "labelaudit.shortcuts-off";
const KEYS = [
  ["a", "Accept the suggestion"],
  ["1 – 0", "The classes, in the order shown; in the grid for all selected samples"],
  ["k", "Keep the given label"],
  ["x", "Exclude the sample from the dataset"],
  ["s", "Skip for now (moves the sample to the skipped queue)"],
  ["u", "Undo the last decision"],
  ["f", "Filter by words, class and score"],
  ["t", "Typical examples of the given and the suggested class"],
  ["m", "More like this: the nearest samples, to decide together"],
  ["g", "The guidelines, with the classes of this sample first"],
  ["n", "Write a note that is saved with your verdict"],
  ["r", "Your recent decisions: open, change or undo one"],
  ["h", "Sample history and comments"],
  ["/", "Search all classes"],
  ["?", "Show this help"],
];

export const shortcutsOn = () => localStorage.getItem(STORAGE_KEY) === null;

export function openHelp() {
  const toggle = h("input", { type: "checkbox", checked: shortcutsOn() });
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, "yes");
  });
  modal(
    "Keyboard shortcuts",
    h(
      "div",
      { class: "dialog-body" },
      h(
        "dl",
        { class: "keys" },
        KEYS.map(([key, meaning]) =>
          h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, meaning)),
        ),
      ),
      h(
        "label",
        { class: "check" },
        toggle,
        "Enable single-key shortcuts (turn off if they conflict with a screen reader or voice control)",
      ),
      h(
        "p",
        { class: "quiet small" },
        "Every decision is recorded and can be undone. The given label is never overwritten.",
      ),
    ),
  );
}

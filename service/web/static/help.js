// The list of keys, and the switch that turns single keys off for those whom they disturb.

import { h, modal } from "./dom.js";

const OFF = "labelaudit.shortcuts-off";
const KEYS = [
  ["1", "Accept the suggestion"],
  ["2 – 9", "The next likely classes"],
  ["k", "Keep the given label"],
  ["x", "Exclude the sample from the dataset"],
  ["s", "Skip: it goes to the skipped queue"],
  ["u", "Undo the last decision"],
  ["h", "History of the sample, and comments"],
  ["/", "Search all classes"],
  ["?", "This help"],
];

export const shortcutsOn = () => localStorage.getItem(OFF) === null;

export function openHelp() {
  const toggle = h("input", { type: "checkbox", checked: shortcutsOn() });
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });
  modal(
    "Keys",
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
        "Single keys decide (turn off if a screen reader or voice control needs them)",
      ),
      h(
        "p",
        { class: "quiet small" },
        "Every decision is a new line in the log and can be undone. Nothing overwrites the given label.",
      ),
    ),
  );
}

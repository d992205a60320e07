// Single keys: what they do on a page, unless somebody types, a dialog is open or they are turned off.

import { openHelp, shortcutsOn } from "./help.js";

/** `actOf(key)` names what a key does here, or nothing; `always(key)` what it does even where single
    keys are turned off. Both heed keys only while `place` is on the page. */
export function listenToKeys(place, actOf, always = () => null) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (!place.isConnected || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input:not([type=range]), textarea, select")) return;
    const key = event.key.toLowerCase();
    const anyway = key === "?" ? openHelp : always(key);
    if (anyway) return void anyway();
    const act = shortcutsOn() ? actOf(key) : null;
    if (!act) return;
    event.preventDefault();
    act();
  });
}

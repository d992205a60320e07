// Single-key shortcuts, ignored while the user types, while a dialog is open, and when turned off.

import { closest } from "./dom.js";
import { openHelp, shortcutsOn } from "./help.js";

/**
 * `actionOf(key)` returns the action of a key, if it has one; `always(key)` one that works even when
 * shortcuts are turned off. Both apply only while `container` is on the page.
 * @param {HTMLElement} container
 * @param {(key: string) => (() => unknown) | null | undefined} actionOf
 * @param {(key: string) => (() => unknown) | null} [always]
 */
export function listenForShortcuts(container, actionOf, always = () => null) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (!container.isConnected || document.querySelector("dialog[open]")) return;
    if (closest(event, "input:not([type=range]), textarea, select")) return;
    const key = event.key.toLowerCase();
    const unconditional = key === "?" ? openHelp : always(key);
    if (unconditional) return void unconditional();
    const action = shortcutsOn() ? actionOf(key) : null;
    if (!action) return;
    event.preventDefault();
    action();
  });
}

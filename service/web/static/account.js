// The account menu: who is signed in, and signing out here or everywhere.

import * as api from "./api.js";
import { button, h } from "./dom.js";

/** @param {Api.Me} me */
export function accountMenu(me) {
  /** @param {() => Promise<unknown>} signOut */
  const thenReload = (signOut) => async () => {
    await signOut();
    location.assign("/");
  };
  const menu = h(
    "details",
    { class: "me" },
    h("summary", { "aria-label": `Account of ${me.name}` }, me.name),
    h(
      "div",
      { class: "account" },
      h("p", { class: "quiet small" }, me.email ?? me.role),
      button("Sign out", thenReload(api.signOut), { class: "link-button" }),
      button("Sign out everywhere", thenReload(api.signOutEverywhere), { class: "link-button" }),
    ),
  );
  document.addEventListener("click", (event) => {
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
    event.stopPropagation();
  });
  return menu;
}

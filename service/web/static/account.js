// Who is signed in: a menu to leave, here or everywhere.

import * as api from "./api.js";
import { button, h } from "./dom.js";

export function accountMenu(me) {
  const leave = (signOut) => async () => {
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
      button("Sign out", leave(api.signOut), { class: "link-button" }),
      button("Sign out everywhere", leave(api.signOutEverywhere), { class: "link-button" }),
    ),
  );
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  });
  return menu;
}

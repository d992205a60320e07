// Signing in with the organisation's own provider: leaving for it, and coming back.

import * as api from "./api.js";

const WAY_BACK = "way-back"; // kept by this tab, so that no link can choose it

export async function leave() {
  const { address } = await api.beginElsewhere();
  const here = location.pathname === "/sign-in" ? "/" : location.pathname + location.search;
  sessionStorage.setItem(WAY_BACK, here);
  location.assign(address);
}

/** Exchange what the provider sent along in the address; null, or why it did not sign us in. */
export async function comeBack() {
  const given = new URLSearchParams(location.search);
  history.replaceState(null, "", "/sign-in");
  if (!given.has("code")) return "The provider did not sign you in. Try again, or ask an admin.";
  try {
    await api.signInWithCode(given.get("code"), given.get("state") ?? "");
  } catch (error) {
    return error.detail || error.title;
  }
  location.replace(sessionStorage.getItem(WAY_BACK) ?? "/");
  return null;
}

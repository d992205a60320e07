// Sign-in with the organisation's OpenID Connect provider.

import * as api from "./api.js";

const RETURN_TO = "return-to"; // kept in this tab, so that no link can choose it

export async function redirectToProvider() {
  const { address } = await api.beginOidcSignIn();
  const here = location.pathname === "/sign-in" ? "/" : location.pathname + location.search;
  sessionStorage.setItem(RETURN_TO, here);
  location.assign(address);
}

/** Exchange the code in the address for a session; returns why it failed, or null. */
export async function completeSignIn() {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", "/sign-in");
  const code = query.get("code");
  if (code === null) return "The provider did not sign you in. Try again, or ask an admin.";
  try {
    await api.signInWithCode(code, query.get("state") ?? "");
  } catch (error) {
    return error.detail || error.title;
  }
  location.replace(sessionStorage.getItem(RETURN_TO) ?? "/");
  return null;
}

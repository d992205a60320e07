// Signs in, then shows the view that belongs to the address.

import { accountMenu } from "./account.js";
import * as api from "./api.js";
import { button, byId, fill, h, problemBox } from "./dom.js";
import { completeSignIn, redirectToProvider } from "./oidc-sign-in.js";

const main = byId("main");
const top = byId("top");

// An ID is only letters, digits, - and _, so that an address cannot redirect an API call.
/** @type {Array<[RegExp, () => Promise<{ show: Show }>]>} */
const VIEWS = [
  [/^\/audits\/([\w-]+)\/overview$/, () => import("./overview.js")],
  [/^\/audits\/([\w-]+)\/grid$/, () => import("./grid.js")],
  [/^\/audits\/([\w-]+)\/team$/, () => import("./team.js")],
  [/^\/audits\/([\w-]+)$/, () => import("./review.js")],
  [/^\/(?:sign-in)?$/, () => import("./home.js")],
];

let signingIn = false;

window.addEventListener("hashchange", () => location.reload());
window.addEventListener("signed-out", () => {
  if (signingIn) return; // the form reports a wrong key itself
  showSignIn(
    "You are signed out. Unsaved decisions are kept in this tab and sent after you sign in.",
  );
});

start();

async function start() {
  const key = api.takeKeyFromAddress();
  try {
    if (key) await api.signIn(key);
    else if (location.pathname === "/sign-in" && location.search) {
      signingIn = true; // the form reports failures itself
      const error = await completeSignIn();
      return error && showSignIn(error);
    } else if (!(await api.signInOptions()).signed_in) return showSignIn();
    const me = await api.whoAmI();
    fill(
      top,
      brand(),
      h("nav", { id: "crumbs", class: "crumbs", "aria-label": "Breadcrumb" }),
      accountMenu(me),
    );
    for (const [pattern, load] of VIEWS) {
      const match = pattern.exec(location.pathname);
      if (match) return await (await load()).show(main, { id: match[1] });
    }
    throw new api.Problem(404, {
      title: "Page not found",
      detail: "The address may be mistyped, or the page may have been deleted.",
    });
  } catch (error) {
    if (error.status === 401) return;
    fill(main, h("div", { class: "narrow" }, problemBox(error, { actions: [recovery(error)] })));
  }
}

/** @param {any} error */
function recovery(error) {
  return error.retryable
    ? button("Try again", () => location.reload())
    : h("a", { class: "button", href: "/" }, "Back to the datasets");
}

function brand() {
  return h(
    "a",
    { class: "brand", href: "/" },
    h("img", { src: "/static/icon.svg", alt: "", width: 22, height: 22 }),
    "labelaudit",
  );
}

async function showSignIn(notice = "") {
  signingIn = true;
  const { oidc_title: provider } = await api.signInOptions().catch(() => ({}));
  document.title = "Sign in · labelaudit";
  fill(top, brand());
  const input = h("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "la_…",
    required: true,
    "aria-describedby": "key-help key-error",
  });
  const message = h("p", { id: "key-error", class: "field-error", role: "alert" }, notice);
  const useProvider = async () => {
    try {
      await redirectToProvider();
    } catch (error) {
      message.textContent = `${error.title}. ${error.detail}`;
    }
  };
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    try {
      await api.signIn(input.value.trim());
      location.reload();
    } catch (error) {
      message.textContent =
        error.status === 401 ? "This key is not valid." : `${error.title}. ${error.detail}`;
      input.select();
    }
  };
  fill(
    main,
    h(
      "form",
      { class: "sign-in", on: { submit } },
      h("h1", {}, "Sign in"),
      provider && button(provider, useProvider, { class: "button primary" }),
      provider && h("p", { class: "quiet small" }, "or with an API key:"),
      h("label", { for: "key" }, "API key"),
      input,
      message,
      h("button", { class: provider ? "button" : "button primary", type: "submit" }, "Continue"),
      h(
        "p",
        { id: "key-help", class: "quiet small" },
        "Your key was shown when it was created, or printed when the server first started. It is exchanged for a session cookie that expires after 12 hours of inactivity.",
      ),
    ),
  );
  (provider ? main.querySelector("button") : input)?.focus();
}

// Signs in, then shows the view that belongs to the address.

import * as api from "./api.js";
import { accountMenu } from "./account.js";
import { button, fill, h, problemBox } from "./dom.js";
import { comeBack, leave } from "./elsewhere.js";

const main = document.getElementById("main");
const top = document.getElementById("top");

// An id is only ever letters, digits, - and _: an address must not be able to steer a call elsewhere.
const VIEWS = [
  [/^\/audits\/([\w-]+)\/overview$/, () => import("./overview.js")],
  [/^\/audits\/([\w-]+)\/grid$/, () => import("./grid.js")],
  [/^\/audits\/([\w-]+)\/team$/, () => import("./team.js")],
  [/^\/audits\/([\w-]+)$/, () => import("./review.js")],
  [/^\/(?:sign-in)?$/, () => import("./home.js")],
];

let asking = false;

window.addEventListener("hashchange", () => location.reload());
window.addEventListener("signed-out", () => {
  if (asking) return; // the form says itself that the key is wrong
  showSignIn(
    "You are signed out. Decisions not saved yet are kept here and sent after you sign in.",
  );
});

start();

async function start() {
  const key = api.takeKeyFromAddress();
  try {
    if (key) await api.signIn(key);
    else if (location.pathname === "/sign-in" && location.search) {
      asking = true; // the form says why it failed
      const fault = await comeBack();
      return fault && showSignIn(fault);
    } else if (!(await api.waysToSignIn()).signed_in) return showSignIn();
    const me = await api.whoAmI();
    fill(
      top,
      brand(),
      h("nav", { id: "crumbs", class: "crumbs", "aria-label": "Where you are" }),
      accountMenu(me),
    );
    for (const [pattern, load] of VIEWS) {
      const match = pattern.exec(location.pathname);
      if (match) return await (await load()).show(main, { me, id: match[1] });
    }
    throw new api.Problem(404, { title: "There is nothing at this address" });
  } catch (error) {
    if (error.status === 401) return;
    fill(main, h("div", { class: "narrow" }, problemBox(error, { actions: [wayOut(error)] })));
  }
}

function wayOut(error) {
  return error.passing
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

async function showSignIn(message = "") {
  asking = true;
  const { oidc_title: elsewhere } = await api.waysToSignIn().catch(() => ({}));
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
  const fault = h("p", { id: "key-error", class: "fault", role: "alert" }, message);
  const goElsewhere = async () => {
    try {
      await leave();
    } catch (error) {
      fault.textContent = `${error.title}. ${error.detail}`;
    }
  };
  const submit = async (event) => {
    event.preventDefault();
    try {
      await api.signIn(input.value.trim());
      location.reload();
    } catch (error) {
      fault.textContent =
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
      elsewhere && button(elsewhere, goElsewhere, { class: "button primary" }),
      elsewhere && h("p", { class: "quiet small" }, "or with a key:"),
      h("label", { for: "key" }, "API key"),
      input,
      fault,
      h("button", { class: elsewhere ? "button" : "button primary", type: "submit" }, "Continue"),
      h(
        "p",
        { id: "key-help", class: "quiet small" },
        "The key was shown when it was made, or printed by the server when it started. The browser does not keep it: it is exchanged for a cookie that ends after twelve idle hours.",
      ),
    ),
  );
  (elsewhere ? main.querySelector("button") : input).focus();
}

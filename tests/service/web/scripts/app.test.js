import assert from "node:assert/strict";
import { test } from "node:test";
import * as api from "../../../../service/web/static/api.js";
import { main, open, serve, settle } from "./page.js";

test("a call that is answered with 401 leads to the form to sign in", async () => {
  open("/");
  let signedIn = true;
  serve(({ path }) => {
    if (!signedIn && path !== "/v1/sign-in") return { status: 401, body: {} };
    if (path === "/v1/sign-in") return { signed_in: signedIn, oidc_title: "Sign in with Example" };
    if (path === "/v1/me") return { name: "Ann", role: "annotator", scopes: [] };
    return { items: [], next_cursor: null };
  });
  await import("../../../../service/web/static/app.js");
  await settle();
  assert.equal(document.querySelector(".me summary").textContent, "Ann");
  assert.match(main().textContent, /No datasets yet/);
  signedIn = false;
  await assert.rejects(api.get("/v1/datasets"), { status: 401 });
  await settle();
  assert.ok(main().querySelector("form.sign-in #key"));
  assert.match(main().textContent, /You are signed out\. Unsaved decisions are kept in this tab/);
  assert.match(main().textContent, /Sign in with Example/);
  assert.equal(document.querySelector(".me"), null);
});

// Who sees a dataset, what a sample's history undoes, and undoing a person's work.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { whoAmI } from "../../../../service/web/static/api.js";
import { openMembers } from "../../../../service/web/static/members.js";
import { openSampleHistory } from "../../../../service/web/static/sample-history.js";
import { show as showTeam } from "../../../../service/web/static/team.js";
import { main, open, serve, settle } from "./page.js";

const NOTHING = {
  status: 409,
  body: { type: "/problems/nothing-to-revert", title: "Conflict", detail: "Nothing to revert." },
};
const ann = { id: "k_1", name: "Ann" };
const page = (items, next = null) => ({ items, next_cursor: next });
const named = (text) =>
  [...document.querySelectorAll("button")].find((button) => button.textContent.startsWith(text));
const announced = () => document.getElementById("announcer").textContent;

beforeEach(() => open());

test("the members of a dataset and those who could be added are listed as a whole", async () => {
  const member = (number) => ({ id: `k_${number}`, name: `Person ${number}`, role: "annotator" });
  const requests = serve(({ method, path, query }) => {
    if (method !== "GET") return {};
    if (path.endsWith("/member-candidates"))
      return query.cursor ? page([member(4)]) : page([member(3)], "next");
    const members = query.cursor ? page([member(2)]) : page([member(1)], "next");
    return { ...members, shared: false };
  });
  openMembers({ id: "ds_1", name: "pets" });
  await settle();
  const texts = (selector) =>
    [...document.querySelectorAll(selector)].map((element) => element.textContent);
  assert.deepEqual(texts(".member-list [dir]"), ["Person 1", "Person 2"]);
  assert.deepEqual(texts("#new-member option"), ["Person 3, annotator", "Person 4, annotator"]);
  document.querySelector("[aria-label='Remove Person 2']").click();
  await settle();
  const removed = requests.find(({ method }) => method === "DELETE");
  assert.equal(removed.path, "/v1/datasets/ds_1/members/k_2");
});

test("who could be added to a shared dataset is not asked", async () => {
  const requests = serve(() => ({ ...page([]), shared: true }));
  openMembers({ id: "ds_1", name: "pets" });
  await settle();
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/v1/datasets/ds_1/members"],
  );
});

test("a history lies under its dataset, and undoes in the audit of each decision", async () => {
  const correction = {
    id: "co_1",
    audit_id: "au_2",
    verdict: "keep",
    corrected_label: "cat",
    reverts: null,
    annotator: ann,
    created_at: "2026-01-01T00:00:00Z",
  };
  const comment = { text: "A fox", author: ann, created_at: "2026-01-02T00:00:00Z" };
  const history = {
    sample_id: "a/b",
    given_label: "cat",
    state: "decided",
    corrected_label: "cat",
    wanted: 1,
    ranks: [],
    corrections: [correction],
    comments: [comment],
    hidden: false,
  };
  const requests = serve(({ path }) => (path.endsWith("/reverts") ? NOTHING : history));
  await openSampleHistory("ds_1", "a/b");
  assert.equal(requests[0].path, "/v1/datasets/ds_1/samples/a%2Fb/history");
  const events = [...document.querySelectorAll(".event .who")].map((who) => who.textContent);
  assert.deepEqual(events, ["Ann kept cat", "Ann commented"]);
  document.querySelector("[aria-label='Undo the decision by Ann']").click();
  await settle();
  const [, revert, again] = requests;
  assert.equal(revert.path, "/v1/audits/au_2/reverts");
  assert.deepEqual(revert.body, { correction_id: "co_1" });
  assert.equal(again.path, requests[0].path);
  assert.match(document.querySelector("dialog .notice.bad").textContent, /Nothing to revert/);
  document.getElementById("comment").value = "No, a cat";
  document.querySelector(".comment-form").dispatchEvent(new Event("submit"));
  await settle();
  assert.equal(requests[3].path, "/v1/datasets/ds_1/samples/a%2Fb/comments");
  assert.deepEqual(requests[3].body, { text: "No, a cat" });
});

/** The team page of an audit that Ann decided in; `answers` are those of POST …/reverts, in turn. */
async function openTeam(...answers) {
  const share = { value: 1, low: 0.5, high: 1, basis: "counted", n: 4 };
  const line = { ...ann, verdicts: 4, skips: 0, reverted: 0, per_hour: null, last_at: null };
  globalThis.confirm = () => true;
  const requests = serve(({ path }) => {
    if (path === "/v1/me") return { name: "Eve", scopes: ["audits:run"] };
    if (path === "/v1/audits/au_1") return { id: "au_1", dataset_id: "ds_1" };
    if (path === "/v1/datasets/ds_1") return { id: "ds_1", name: "pets", class_names: [] };
    if (path.endsWith("/team")) return page([{ ...line, agreement: share, upheld: null }]);
    if (path.endsWith("/review-settings")) return { opinions: 1, adjudicators: [ann] };
    if (path.endsWith("/people")) return page([{ ...ann, role: "annotator" }]);
    return path.endsWith("/reverts") ? answers.shift() : page([]);
  });
  await whoAmI();
  await showTeam(main(), { id: "au_1" });
  return requests;
}

const bodies = (requests, end) =>
  requests.filter(({ path, method }) => path.endsWith(end) && method !== "GET").map((r) => r.body);

test("a person's work is undone and restored", async () => {
  const made = { id: "ba_7", audit_id: "au_1", reverted: 4 };
  const requests = await openTeam({ status: 201, body: made }, { status: 201, body: made });
  assert.match(main().querySelector(".team tbody").textContent, /100%50% – 100%, n = 4/);
  named("Undo all").click();
  await settle();
  assert.equal(announced(), "4 decisions undone.");
  named("Restore them").click();
  await settle();
  assert.equal(announced(), "Decisions restored.");
  assert.deepEqual(bodies(requests, "/reverts"), [{ person_id: "k_1" }, { batch_id: "ba_7" }]);
});

test("where nothing is left to undo the team page says so and is drawn anew", async () => {
  const requests = await openTeam(NOTHING);
  named("Undo all").click();
  await settle();
  assert.match(document.getElementById("undone").textContent, /Nothing to revert/);
  assert.equal(requests.filter(({ path }) => path.endsWith("/team")).length, 2);
});

test("review settings are read as people and saved as their ids", async () => {
  const requests = await openTeam();
  const select = document.getElementById("opinions");
  assert.equal(document.querySelector(".people input").checked, true);
  select.value = "3";
  select.dispatchEvent(new Event("change"));
  await settle();
  assert.deepEqual(bodies(requests, "/review-settings"), [{ opinions: 3, adjudicators: ["k_1"] }]);
});

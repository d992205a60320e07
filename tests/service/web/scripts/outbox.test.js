import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Outbox } from "../../../../service/web/static/outbox.js";
import { open, serve, settle } from "./page.js";

const DECISION = { sample_id: "sample-1", verdict: "keep" };
const SAVED = { items: [], next_cursor: null, batch_id: "ba_1", dataset_version: 1 };
const NOTHING = { status: 409, body: { type: "/problems/nothing-to-revert" } };

let nothingToUndo;

beforeEach(() => {
  open();
  nothingToUndo = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

const outbox = () =>
  new Outbox("au_1", {
    onChange: () => {},
    onNothingToUndo: () => {
      nothingToUndo += 1;
    },
  });
const stored = () => JSON.parse(sessionStorage.getItem("labelaudit.outbox.au_1") ?? "[]");

async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settle();
}

/** Answers the requests one after the other; the last answer is for all that follow. */
function serveInTurn(...answers) {
  return serve(() => (answers.length > 1 ? answers.shift() : answers[0]));
}

test("a decision is sent at once and kept no longer than until it is saved", async () => {
  const requests = serveInTurn(SAVED);
  const sent = outbox().submit(DECISION);
  assert.equal(stored().length, 1);
  await settle();
  assert.deepEqual(requests[0].body, { corrections: [DECISION] });
  assert.equal(requests[0].headers["Idempotency-Key"], sent.id);
  assert.equal(sent.batch_id, "ba_1");
  assert.deepEqual(stored(), []);
});

test("a 429 is sent again when Retry-After says so, and not before", async () => {
  const requests = serveInTurn({ status: 429, headers: { "Retry-After": "7" }, body: {} }, SAVED);
  const box = outbox();
  box.submit(DECISION);
  await settle();
  await pass(6900);
  box.submit({ sample_id: "sample-2", verdict: "skip" }); // waits as well
  await settle();
  assert.equal(requests.length, 1);
  await pass(200);
  assert.equal(requests.length, 3);
  assert.equal(requests[1].headers["Idempotency-Key"], requests[0].headers["Idempotency-Key"]);
  assert.deepEqual(box.operations, []);
  assert.equal(box.connectionProblem, null);
});

test("a failed connection is tried again, later each time, under the same key", async () => {
  const requests = serve(() => {
    throw new TypeError("Failed to fetch");
  });
  const box = outbox();
  box.submit(DECISION);
  await settle();
  await pass(800);
  assert.equal(requests.length, 2);
  await pass(800);
  assert.equal(requests.length, 2);
  await pass(800);
  assert.equal(requests.length, 3);
  assert.equal(new Set(requests.map(({ headers }) => headers["Idempotency-Key"])).size, 1);
  assert.equal(box.connectionProblem.status, 0);
  serve(() => SAVED);
  window.dispatchEvent(new Event("online")); // does not wait any longer
  await settle();
  assert.deepEqual(box.operations, []);
});

test("a 401 stops, keeps the decision, and asks for signing in", async () => {
  let signedOut = 0;
  window.addEventListener("signed-out", () => {
    signedOut += 1;
  });
  const requests = serveInTurn({ status: 401, body: {} });
  const box = outbox();
  box.submit(DECISION);
  box.submit({ sample_id: "sample-2", verdict: "skip" });
  await settle();
  await pass(60_000);
  assert.equal(requests.length, 1);
  assert.equal(signedOut, 1);
  assert.deepEqual(box.rejected, []);
  assert.equal(stored().length, 2);
  const again = serveInTurn(SAVED);
  outbox().flush(); // the page that is loaded after signing in
  await settle();
  assert.deepEqual(
    again.map(({ body }) => body.corrections[0].sample_id),
    ["sample-1", "sample-2"],
  );
});

test("what the server refuses is kept for the reviewer, and what follows is sent", async () => {
  const conflict = { status: 409, body: { title: "Conflict", detail: "decided by Ben" } };
  const requests = serveInTurn(conflict, SAVED);
  const box = outbox();
  const refused = box.submit(DECISION);
  box.submit({ sample_id: "sample-2", verdict: "skip" });
  await settle();
  assert.equal(requests.length, 2);
  assert.deepEqual(box.rejected, [refused]);
  assert.equal(refused.problem.detail, "decided by Ben");
  box.retry(refused, [{ ...DECISION, supersedes: "co_1" }]);
  await settle();
  assert.equal(requests[2].body.corrections[0].supersedes, "co_1");
  assert.notEqual(requests[2].headers["Idempotency-Key"], requests[0].headers["Idempotency-Key"]);
  assert.deepEqual(box.operations, []);
});

test("undo of a saved decision reverts its batch", async () => {
  const requests = serveInTurn(SAVED);
  const box = outbox();
  const sent = box.submit(DECISION);
  await settle();
  assert.equal(box.undo(sent), false);
  await settle();
  assert.equal(requests[1].path, "/v1/audits/au_1/reverts");
  assert.deepEqual(requests[1].body, { batch_id: "ba_1" });
  assert.equal(nothingToUndo, 0);
});

test("undo of a decision that was undone elsewhere says so, and is done with", async () => {
  serveInTurn(SAVED, NOTHING);
  const box = outbox();
  const sent = box.submit(DECISION);
  await settle();
  box.undo(sent);
  await settle();
  assert.equal(nothingToUndo, 1);
  assert.deepEqual(box.operations, []);
});

test("an undo whose answer was lost has worked", async () => {
  serveInTurn(SAVED, { status: 503, body: {} }, NOTHING);
  const box = outbox();
  const sent = box.submit(DECISION);
  await settle();
  box.undo(sent);
  await settle();
  await pass(800);
  assert.equal(nothingToUndo, 0);
  assert.deepEqual(box.operations, []);
});

test("an undo that was sent while the page was closed has worked", async () => {
  serveInTurn(SAVED, new Promise(() => {}));
  const box = outbox();
  const sent = box.submit(DECISION);
  await settle();
  box.undo(sent);
  await settle();
  box.sendOnUnload();
  serveInTurn(NOTHING);
  const next = outbox(); // of the page that is opened next
  next.flush();
  await settle();
  assert.equal(nothingToUndo, 0);
  assert.deepEqual(next.operations, []);
});

test("undo of a decision that is on its way reverts it once it is saved", async () => {
  const requests = serveInTurn(SAVED);
  const box = outbox();
  assert.equal(box.undo(box.submit(DECISION)), false);
  await settle();
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/v1/audits/au_1/corrections", "/v1/audits/au_1/reverts"],
  );
});

test("undo of a decision that was never sent sends nothing", async () => {
  const requests = serveInTurn(SAVED);
  const box = outbox();
  box.submit(DECISION);
  const second = box.submit({ sample_id: "sample-2", verdict: "skip" });
  assert.equal(box.undo(second), true);
  await settle();
  assert.equal(requests.length, 1);
});

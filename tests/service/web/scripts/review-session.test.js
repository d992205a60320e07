import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { decisionOn, ReviewSession } from "../../../../service/web/static/review-session.js";
import { open, sample, serve, settle, summary } from "./page.js";

let requests;
let session;

beforeEach(() => {
  open();
  requests = serve(({ path }) =>
    path.endsWith("/next")
      ? { items: [1, 2, 3, 4].map((number) => sample(number)) }
      : { items: [], batch_id: "ba_1" },
  );
  session = new ReviewSession(summary(), {}, { onLeaseLost: () => {}, undoLimit: 2 });
});

afterEach(async () => {
  await settle(); // what is on its way must not reach the next test's server
  await session.queue.release();
});

async function take() {
  await session.queue.refill();
  return session.queue.take();
}

const shown = () => session.counters.element.textContent;

test("a decision is counted at once and sent under its lease", async () => {
  const item = await take();
  session.decide([decisionOn(item, "accept_suggestion")]);
  assert.match(shown(), /Obvious1 decided, 9 left/);
  assert.match(shown(), /100 1 of 1/);
  await settle();
  assert.deepEqual(requests.at(-1).body.corrections, [
    { sample_id: "sample-1", verdict: "accept_suggestion", lease_id: "lease-1" },
  ]);
  assert.equal(session.queue.leased.has("sample-1"), false);
});

test("undo returns the sample and takes its counts back", async () => {
  const item = await take();
  session.decide([decisionOn(item, "exclude")]);
  await settle();
  const undone = session.undo();
  assert.deepEqual(
    undone.map((decision) => decision.item),
    [item],
  );
  assert.match(shown(), /Obvious0 decided, 10 left/);
  assert.match(shown(), /none reviewed yet/);
  assert.equal(item.lease, null); // the server gave it up when the decision was saved
  await settle();
  assert.match(requests.at(-1).path, /reverts$/);
  assert.deepEqual(requests.at(-1).body, { batch_id: "ba_1" });
});

test("undo of a decision that was never sent keeps its lease", async () => {
  const [first, second] = [await take(), await take()];
  session.decide([decisionOn(first, "keep")]);
  session.decide([decisionOn(second, "keep")]); // waits behind the first
  const [undone] = session.undo();
  assert.equal(undone.item, second);
  assert.equal(second.lease.lease_id, "lease-2");
  assert.equal(session.queue.leased.get("sample-2"), second);
  await settle();
  assert.equal(requests.filter(({ path }) => path.endsWith("/corrections")).length, 1);
});

test("as many decisions can be undone as the limit says", async () => {
  for (let count = 0; count < 3; count += 1) session.decide([decisionOn(await take(), "keep")]);
  await settle();
  assert.equal(session.undo()[0].item.sample_id, "sample-3");
  assert.equal(session.undo()[0].item.sample_id, "sample-2");
  assert.equal(session.undo(), null);
});

test("an undo with nothing left to undo is announced, and the counts are read again", async () => {
  session.decide([decisionOn(await take(), "keep")]);
  await settle();
  const counts = summary();
  counts.review.obvious.decided = 7;
  serve(({ path }) =>
    path.endsWith("/reverts")
      ? { status: 409, body: { type: "/problems/nothing-to-revert" } }
      : counts,
  );
  session.undo();
  await settle();
  assert.match(document.getElementById("announcer").textContent, /already undone/);
  assert.match(shown(), /Obvious7 decided/);
});

test("one undo takes a decision on several samples back", async () => {
  const items = [await take(), await take()];
  session.decide(items.map((item) => decisionOn(item, "exclude")));
  await settle();
  assert.deepEqual(
    session.undo().map(({ item }) => item),
    items,
  );
  await settle();
  assert.equal(requests.filter(({ path }) => path.endsWith("/reverts")).length, 1);
});

test("a decided sample that is decided anew names the correction it replaces", async () => {
  const item = sample(9, { state: "decided", correction_id: "co_1", lease: null });
  session.decide([decisionOn(item, "relabel", "fox")]);
  await settle();
  assert.deepEqual(requests.at(-1).body.corrections, [
    { sample_id: "sample-9", verdict: "relabel", corrected_label: "fox", supersedes: "co_1" },
  ]);
});

test("the verdict follows from the label that was chosen", () => {
  const item = sample(1);
  const verdict = (chosen, label) => {
    const decision = decisionOn(item, chosen, label);
    return [decision.verdict, decision.label];
  };
  assert.deepEqual(verdict("relabel", "cat"), ["keep", "cat"]);
  assert.deepEqual(verdict("relabel", "dog"), ["accept_suggestion", "dog"]);
  assert.deepEqual(verdict("relabel", "fox"), ["relabel", "fox"]);
  assert.deepEqual(verdict("accept_suggestion"), ["accept_suggestion", "dog"]);
  assert.deepEqual(verdict("keep"), ["keep", "cat"]);
  assert.deepEqual(verdict("exclude"), ["exclude", null]);
  const unsuggested = sample(2, { suggested_label: null });
  assert.deepEqual(decisionOn(unsuggested, "accept_suggestion"), {
    item: unsuggested,
    verdict: "relabel",
    label: "dog",
  });
});

test("counts that were asked for before a decision do not replace newer ones", async () => {
  const item = await take();
  let answer;
  serve(({ path }) =>
    path.endsWith("/summary")
      ? new Promise((resolve) => {
          answer = () => resolve(summary());
        })
      : { items: [], batch_id: "ba_1" },
  );
  const counted = session.recount();
  await settle();
  session.decide([decisionOn(item, "keep")]);
  await settle(); // saved, so that nothing is left to send
  answer();
  await counted;
  assert.match(shown(), /Obvious1 decided, 9 left/);
});

test("where several opinions are asked for, only the server counts", async () => {
  session.counters.set(summary({ opinions: 2 }));
  const item = await take();
  serve(({ path }) =>
    path.endsWith("/summary") ? summary({ opinions: 2 }) : { items: [], batch_id: "ba_1" },
  );
  session.decide([decisionOn(item, "keep")]);
  assert.match(shown(), /Obvious0 decided, 10 left/);
  const asked = serve(({ path }) =>
    path.endsWith("/summary")
      ? summary({ opinions: 2, review: { obvious: { open: 9, skipped: 0, decided: 1 } } })
      : { items: [], batch_id: "ba_1" },
  );
  await settle();
  assert.ok(asked.some(({ path }) => path.endsWith("/summary")));
  assert.match(shown(), /Obvious1 decided, 9 left/);
});

test("another verdict on a decided sample counts it once", async () => {
  session.counters.set(summary({ review: { obvious: { open: 9, skipped: 0, decided: 1 } } }));
  session.decide([decisionOn(sample(7, { state: "decided", correction_id: "co_1" }), "keep")]);
  assert.match(shown(), /Obvious1 decided, 9 left/);
});

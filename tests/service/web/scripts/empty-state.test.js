// What stands where there is no sample to show.

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { isOlder } from "../../../../service/web/static/audits.js";
import { Counters } from "../../../../service/web/static/counters.js";
import { endOfQueueView, queueProblem } from "../../../../service/web/static/empty-state.js";
import { showUnfinished, unfinishedAuditView } from "../../../../service/web/static/unfinished.js";
import { main, open, serve, settle, summary } from "./page.js";

open("/audits/au_1");
afterEach(() => mock.timers.reset());
const text = (audit) => unfinishedAuditView(audit).textContent;

test("an audit that waits is not said to run", () => {
  assert.match(text({ status: "queued" }), /^This audit is waiting to start/);
  assert.match(text({ status: "running" }), /^This audit is still running/);
});

test("an audit that waits tells its place", () => {
  assert.match(text({ status: "queued", queue_position: 1 }), /It is next in the queue/);
  assert.match(text({ status: "queued", queue_position: 1203 }), /It is number 1,203 in the queue/);
});

test("an audit that runs tells how far it is", () => {
  assert.match(text({ status: "running", progress: 0.43, eta_seconds: 120 }), /43% · .*2 min/);
});

test("an audit that ended without a queue promises none", () => {
  for (const [status, title] of [
    ["cancelled", "was cancelled"],
    ["failed", "failed"],
  ]) {
    assert.match(text({ status }), new RegExp(`^This audit ${title}`));
    assert.doesNotMatch(text({ status }), /queue opens/);
  }
});

test("what is shown of an audit follows it until it ends", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const states = [{ status: "running", progress: 0.1 }, { status: "failed" }];
  serve(() => states.shift());
  open("/audits/au_1");
  const shown = showUnfinished(main(), document.createElement("p"), {
    id: "au_1",
    status: "queued",
  });
  assert.match(main().textContent, /waiting to start/);
  mock.timers.tick(3000);
  await settle();
  assert.match(main().textContent, /still running/);
  mock.timers.tick(3000);
  await settle();
  assert.match(main().textContent, /This audit failed/);
  await shown;
});

test("progress that a stream repeats from the past is not shown", () => {
  const audit = { status: "running", progress: 0.6 };
  assert.equal(isOlder({ status: "running", progress: 0.2 }, audit), true);
  assert.equal(isOlder({ status: "queued", progress: 0 }, audit), true);
  assert.equal(isOlder({ status: "running", progress: 0.6 }, audit), false);
  assert.equal(isOlder({ status: "failed", progress: 0 }, audit), false);
});

function end(filter, review) {
  const counters = new Counters();
  counters.set(summary(review ? { review } : {}));
  const dataset = { id: "ds_1", created_by: { name: "Uma" } };
  return endOfQueueView({
    counters,
    filter,
    dataset,
    auditId: "au_1",
    refresh: () => {},
    undo: null,
  });
}
const links = (view) => [...view.querySelectorAll("a")].map((link) => link.getAttribute("href"));

test("an audit without suspects says so and offers all samples", () => {
  const none = { open: 0, skipped: 0, decided: 0 };
  const view = end({}, { obvious: none, possible: none });
  assert.match(view.textContent, /^No suspects here/);
  assert.doesNotMatch(view.textContent, /decided so far|Export/);
  assert.deepEqual(links(view), ["/audits/au_1?queue=all", "/audits/au_1/overview"]);
});

test("an empty disputed queue is no end of the review", () => {
  const view = end({ purpose: "adjudicate" });
  assert.match(view.textContent, /^No disputes/);
  assert.doesNotMatch(view.textContent, /being reviewed by others|All done/);
  assert.deepEqual(links(view), ["/audits/au_1"]);
});

test("a queue that is refused leads to the one that is not, instead of to the same refusal", () => {
  const refused = queueProblem({ title: "Not permitted", retryable: false }, "au_1", () => {});
  assert.deepEqual(links(refused), ["/audits/au_1"]);
  assert.doesNotMatch(refused.textContent, /Try again/);
  const busy = queueProblem({ title: "Busy", retryable: true }, "au_1", () => {});
  assert.match(busy.textContent, /Try again/);
});

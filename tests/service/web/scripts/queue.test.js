import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Queue } from "../../../../service/web/static/queue.js";
import { open, sample, serve, settle } from "./page.js";

const MINUTE = 60_000;
let lost;
let queue;

beforeEach(() => {
  open();
  lost = [];
  queue = new Queue("au_1", { tier: ["obvious"] }, { onLeaseLost: (item) => lost.push(item) });
  mock.timers.reset();
});

/** Serves samples 1 to 4 and answers renewals with `renew(request)`. */
function serveFour(renew = () => ({})) {
  return serve((request) => {
    if (request.path.endsWith("/next"))
      return { items: [1, 2, 3, 4].map((number) => sample(number)) };
    return request.path.endsWith("/renew") ? renew(request) : {};
  });
}

const calls = (requests, name) => requests.filter(({ path }) => path.endsWith(`/queue/${name}`));

async function start(renew) {
  mock.timers.enable({ apis: ["setInterval", "Date"] });
  const requests = serveFour(renew);
  queue.lastActive = Date.now();
  await queue.refill();
  return requests;
}

async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settle();
}

test("samples are leased ahead and taken in order", async () => {
  const requests = await start();
  assert.deepEqual(requests[0].body, { count: 4, include: [], tier: ["obvious"] });
  assert.equal(queue.take().sample_id, "sample-1");
  assert.equal(queue.take().sample_id, "sample-2");
});

test("leases are renewed before they expire", async () => {
  const requests = await start();
  await pass(100_000);
  assert.deepEqual(
    calls(requests, "renew").map(({ body }) => body.lease_id),
    ["lease-1", "lease-2", "lease-3", "lease-4"],
  );
});

for (const [name, answer] of [
  ["an error of the server", { status: 503, body: {} }],
  ["a lost connection", Promise.reject(new TypeError("Failed to fetch"))],
  ["a refusal of another kind", { status: 409, body: { type: "/problems/conflict" } }],
]) {
  answer.catch?.(() => {});
  test(`a renewal that fails by ${name} keeps the sample`, async () => {
    await start(() => answer);
    await pass(100_000);
    assert.deepEqual(lost, []);
    assert.equal(queue.ahead.length, 4);
    assert.equal(queue.leased.size, 4);
  });
}

test("a sample whose lease is lost is dropped and reported", async () => {
  const gone = { status: 409, body: { type: "/problems/lease-lost" } };
  await start(({ body }) => (body.sample_id === "sample-2" ? gone : {}));
  await pass(100_000);
  assert.deepEqual(
    lost.map((item) => item.sample_id),
    ["sample-2"],
  );
  assert.deepEqual(
    queue.ahead.map((item) => item.sample_id),
    ["sample-1", "sample-3", "sample-4"],
  );
});

test("an idle page renews nothing, and releases everything when it is used again", async () => {
  const requests = await start();
  queue.take();
  await pass(25 * MINUTE);
  const renewed = calls(requests, "renew").length;
  await pass(10 * MINUTE);
  assert.equal(calls(requests, "renew").length, renewed);
  assert.equal(calls(requests, "release").length, 0);
  assert.equal(queue.take(), null); // what lay ahead may have been decided by others
  await settle();
  assert.deepEqual(
    calls(requests, "release").map(({ body }) => body.sample_id),
    ["sample-1", "sample-2", "sample-3", "sample-4"],
  );
  assert.equal(queue.leased.size, 0);
});

test("a page in use keeps renewing and releases nothing", async () => {
  const requests = await start();
  for (let minute = 0; minute < 60; minute += 10) {
    await pass(10 * MINUTE);
    queue.putBack(queue.take());
  }
  assert.equal(calls(requests, "release").length, 0);
  const renewed = calls(requests, "renew").length;
  await pass(2 * MINUTE);
  assert.ok(calls(requests, "renew").length > renewed);
});

test("a decided sample is neither renewed nor released", async () => {
  const requests = await start();
  queue.removeLease(queue.take());
  await pass(100_000);
  await queue.release();
  const touched = [...calls(requests, "renew"), ...calls(requests, "release")];
  assert.ok(touched.length);
  assert.ok(touched.every(({ body }) => body.sample_id !== "sample-1"));
});

test("a sample that is served again is not shown twice, and its lease is the new one", async () => {
  await start();
  const first = queue.take();
  const anew = { lease_id: "lease-9", expires_in_seconds: 300 };
  serve(() => ({ items: [sample(1, { lease: anew })] }));
  await queue.refill();
  assert.deepEqual(
    queue.ahead.map((item) => item.sample_id),
    ["sample-2", "sample-3", "sample-4"],
  );
  assert.equal(first.lease.lease_id, "lease-9");
});

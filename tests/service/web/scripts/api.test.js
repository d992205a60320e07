import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import * as api from "../../../../service/web/static/api.js";
import { open, serve } from "./page.js";

beforeEach(() => open());

const failure = (call) =>
  call.then(
    () => assert.fail("it did not fail"),
    (problem) => problem,
  );

test("a call carries its body as JSON, and a header that no other origin can send", async () => {
  const requests = serve(() => ({ id: "au_1" }));
  assert.deepEqual(await api.post("/v1/audits", { epochs: 3 }), { id: "au_1" });
  const [{ method, body, headers }] = requests;
  assert.deepEqual([method, body], ["POST", { epochs: 3 }]);
  assert.equal(headers["X-CSRF"], "1");
  assert.equal(headers["Content-Type"], "application/json");
});

test("a query leaves out what is empty and repeats what has several values", async () => {
  const fetched = mock.method(globalThis, "fetch", async () => new Response("{}"));
  const query = { tier: ["obvious", "none"], given: "", limit: 0, cursor: null };
  await api.get("/v1/pairs", { query });
  assert.equal(fetched.mock.calls[0].arguments[0], "/v1/pairs?tier=obvious&tier=none&limit=0");
  assert.deepEqual(fetched.mock.calls[0].arguments[1].headers, {});
});

test("a list is read as a whole, page by page", async () => {
  const pages = [
    { items: [1, 2], next_cursor: "b", shared: true },
    { items: [3], next_cursor: "c", shared: true },
    { items: [4], next_cursor: null, shared: true },
  ];
  const fetched = mock.method(
    globalThis,
    "fetch",
    async () => new Response(JSON.stringify(pages.shift())),
  );
  assert.deepEqual(await api.getAll("/v1/x", { tier: "none" }), {
    items: [1, 2, 3, 4],
    next_cursor: null,
    shared: true,
  });
  assert.deepEqual(
    fetched.mock.calls.map((call) => call.arguments[0]),
    ["", "&cursor=b", "&cursor=c"].map((cursor) => `/v1/x?limit=1000&tier=none${cursor}`),
  );
});

test("a problem carries what the server said", async () => {
  const body = { type: "/problems/lease-lost", title: "Gone", detail: "It is Ben's.", errors: [] };
  serve(() => ({ status: 409, body }));
  const problem = await failure(api.get("/v1/me"));
  assert.ok(problem.is("lease-lost"));
  assert.equal(problem.message, "It is Ben's.");
  assert.equal(problem.retryable, false);
});

test("what may pass can be sent again, and Retry-After says when", async () => {
  for (const status of [429, 500, 503]) {
    serve(() => ({ status, headers: { "Retry-After": "3" }, body: {} }));
    const problem = await failure(api.get("/v1/me"));
    assert.ok(problem.retryable);
    assert.equal(problem.retryAfterMs, 3000);
  }
  serve(() => {
    throw new TypeError("Failed to fetch");
  });
  const problem = await failure(api.get("/v1/me"));
  assert.equal(problem.status, 0);
  assert.ok(problem.retryable);
  assert.equal(problem.retryAfterMs, 0);
});

test("the key in the address is taken out of it", () => {
  open("/audits/au_1?queue=all#token=la_secret");
  assert.equal(api.takeKeyFromAddress(), "la_secret");
  assert.equal(location.href, "http://localhost/audits/au_1?queue=all");
});

test("progress is read event by event, and resumed behind the last one", async () => {
  const line = (id, data) => `id: ${id}\nevent: progress\ndata: ${JSON.stringify(data)}\n\n`;
  const whole = line(1, { status: "running" }) + line(2, { status: "completed" });
  const bodies = [
    [whole.slice(0, 20), whole.slice(20, 50)], // ends within the second event
    [line(2, { status: "completed" })],
  ];
  const asked = [];
  globalThis.fetch = async (_url, { headers }) => {
    asked.push(headers["Last-Event-ID"]);
    return new Response(new Blob(bodies.shift()).stream());
  };
  const seen = [];
  mock.timers.enable({ apis: ["setTimeout"] });
  const following = api.follow("au_1", ({ status }) => seen.push(status), {});
  while (asked.length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(500);
  }
  await following;
  mock.timers.reset();
  assert.deepEqual(seen, ["running", "completed"]);
  assert.deepEqual(asked, [undefined, "1"]);
});

test("a connection that is lost in the middle of an answer is one that was lost", async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("cut")) });
  globalThis.fetch = async () => new Response(body);
  await assert.rejects(api.get("/v1/me"), { status: 0, title: "No connection" });
});

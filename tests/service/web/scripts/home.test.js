import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { show } from "../../../../service/web/static/home.js";
import { main, open, serve, settle } from "./page.js";

const dataset = (number, changes = {}) => ({
  id: `ds_${number}`,
  name: `pets ${number}`,
  status: "completed",
  kind: "text",
  format: "csv",
  class_names: ["cat", "dog"],
  sample_count: 12,
  labeled_count: 12,
  version: 0,
  columns: {},
  warnings: [],
  bytes: 100,
  problem: null,
  created_by: { id: "k_1", name: "Ann" },
  created_at: `2026-01-0${number}T00:00:00Z`,
  ...changes,
});
const audit = (number, datasetId) => ({
  id: `au_${number}`,
  dataset_id: datasetId,
  dataset_version: 0,
  status: "completed",
  created_at: "2026-02-01T00:00:00Z",
  finished_at: "2026-02-01T00:00:00Z",
});
const page = (items, next = null) => ({ items, next_cursor: next });

beforeEach(() => {
  open();
  mock.timers.enable({ apis: ["setTimeout"] });
});
afterEach(() => mock.timers.reset());

async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settle();
}

const state = () => main().querySelector(".working")?.textContent;

test("a dataset waits, is read, and is there", async () => {
  const statuses = ["queued", "running", "running", "completed"];
  serve(({ path }) => {
    if (path === "/v1/datasets") return page([dataset(1, { status: "queued" })]);
    return path === "/v1/audits" ? page([]) : dataset(1, { status: statuses.shift() });
  });
  await show(main());
  assert.equal(state(), "Waiting to be processed …");
  await pass(1200);
  assert.equal(state(), "Waiting to be processed …");
  await pass(1200);
  assert.equal(state(), "Reading the file …");
  await pass(1200);
  await pass(1200);
  assert.equal(state(), undefined);
  assert.match(main().querySelector(".facts").textContent, /12 texts · 2 classes .* by Ann$/);
  assert.deepEqual(statuses, []);
});

test("a file that could not be read says why", async () => {
  const problem = { title: "We couldn't read this file", detail: "It has no label column." };
  serve(({ path }) =>
    page(path === "/v1/datasets" ? [dataset(1, { status: "failed", problem })] : []),
  );
  await show(main());
  assert.match(main().querySelector(".notice.bad").textContent, /It has no label column/);
  assert.equal(main().querySelector(".detected-columns"), null);
});

test("every dataset is shown with all its audits, older ones too", async () => {
  const asked = [];
  const queries = serve(({ path, query }) => {
    if (path === "/v1/datasets")
      return query.cursor ? page([dataset(1)]) : page([dataset(3), dataset(2)], "older");
    asked.push(query.created_after);
    return query.cursor
      ? page([audit(1, query.created_after < "2026-01-02" ? "ds_1" : "ds_2")])
      : page([audit(2, "ds_3")], "more");
  });
  await show(main());
  const counts = () =>
    [...main().querySelectorAll(".dataset")].map(
      (element) => element.querySelectorAll(".audit").length,
    );
  assert.deepEqual(counts(), [1, 1]);
  [...main().querySelectorAll("button")]
    .find(({ textContent }) => /older/.test(textContent))
    .click();
  await settle();
  assert.deepEqual(counts(), [1, 1, 1]);
  assert.deepEqual([...new Set(asked)], ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]);
  assert.equal(queries.length, 6);
});

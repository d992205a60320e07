import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { show } from "../../../../service/web/static/review.js";
import { main, open, press, sample, serve, settle, summary } from "./page.js";

const DATASET = {
  id: "ds_1",
  name: "pets",
  class_names: ["cat", "dog", "fox"],
  kind: "text",
  created_by: { id: "k_1", name: "Uma" },
};
let left; // samples that the server has not leased yet
let requests;

/** Serves six samples, each once. */
function answer({ path, body }) {
  if (path === "/v1/audits/au_1") return { id: "au_1", dataset_id: "ds_1", status: "completed" };
  if (path === "/v1/datasets/ds_1") return DATASET;
  if (path.endsWith("/summary")) return summary();
  if (path.endsWith("/findings")) return { reviewed: 0, errors: 0 };
  if (path.endsWith("/next")) return { items: left.splice(0, body.count) };
  if (path.endsWith("/corrections")) return { items: [], batch_id: "ba_1" };
  return {};
}

beforeEach(async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  open("/audits/au_1");
  left = [1, 2, 3, 4, 5, 6].map((number) => sample(number));
  requests = serve(answer);
  await show(main(), { id: "au_1" });
  await settle();
});
afterEach(() => mock.timers.reset());

const shown = () => main().querySelector(".sample-id").textContent;

async function type(...keys) {
  for (const key of keys) {
    press(key);
    await settle();
  }
}

test("undo brings the last sample back and the one that was shown comes next", async () => {
  assert.equal(shown(), "sample-1");
  await type("x");
  assert.equal(shown(), "sample-2");
  await type("u");
  assert.equal(shown(), "sample-1");
  const seen = [];
  while (main().querySelector(".sample-id")) {
    seen.push(shown());
    await type("k");
  }
  assert.deepEqual(seen, ["sample-1", "sample-2", "sample-3", "sample-4", "sample-5", "sample-6"]);
});

test("each key decides the sample that is shown", async () => {
  await type("a", "k", "3", "x", "s");
  const decided = requests.flatMap(({ path, body }) =>
    path.endsWith("/corrections") ? body.corrections : [],
  );
  assert.deepEqual(
    decided.map(({ sample_id: id, verdict, corrected_label: label }) => [id, verdict, label]),
    [
      ["sample-1", "accept_suggestion", undefined],
      ["sample-2", "keep", undefined],
      ["sample-3", "relabel", "fox"],
      ["sample-4", "exclude", undefined],
      ["sample-5", "skip", undefined],
    ],
  );
});

test("the sample is described in the page and to screen readers", async () => {
  const evidence = main().querySelector(".evidence").textContent;
  assert.match(evidence, /Probably wrong: 80% 70% – 90% at nearby ranks/);
  const announced = document.getElementById("announcer").textContent;
  assert.equal(announced, "Rank 1, obvious. Given cat; suggested dog, 90%. Probably wrong: 80%.");
});

test("what the evidence shows comes with the samples, in no request of its own", async () => {
  const [{ body }] = requests.filter(({ path }) => path.endsWith("/next"));
  assert.deepEqual(body.include, ["trajectory", "neighbours"]);
  const neighbours = [
    { sample_id: "n-1", given_label: "dog", corrected_label: null, content: { text: "a puppy" } },
    { sample_id: "n-2", given_label: "cat", corrected_label: "fox", content: { text: "a vixen" } },
  ];
  left = [];
  serve((request) =>
    request.path.endsWith("/suspects/sample-9") ? sample(9, { neighbours }) : answer(request),
  );
  open("/audits/au_1?sample=sample-9");
  await show(main(), { id: "au_1" });
  await settle();
  const lines = [...main().querySelectorAll(".neighbours li")].map((line) => line.textContent);
  assert.deepEqual(lines, ["a puppydog", "a vixenfox"]);
});

test("an audit that cannot judge everything says so above the samples", async () => {
  assert.equal(main().querySelector(".limits"), null);
  const cannot = ["too few samples (under 30) to judge these classes: fox", "another"];
  serve((request) =>
    request.path.endsWith("/summary") ? summary({ cannot_judge: cannot }) : answer(request),
  );
  await show(main(), { id: "au_1" });
  await settle();
  assert.match(
    main().querySelector(".limits").textContent,
    /cannot judge everything: too few samples .* fox \(and 1 more\)\. See its limits/,
  );
});

test("who may not export is told who can", async () => {
  const offered = [...main().querySelectorAll(".view-head button")];
  offered.find(({ textContent }) => textContent === "Export …").click();
  await settle();
  const dialog = document.querySelector("dialog");
  assert.match(dialog.textContent, /not export\. Uma uploaded this dataset and can export it/);
  dialog.remove();
});

test("there is nothing to undo at first", async () => {
  await type("u");
  assert.match(document.getElementById("announcer").textContent, /^There is nothing to undo/);
  assert.match(document.querySelector(".message").textContent, /^There is nothing to undo/);
  assert.equal(shown(), "sample-1");
});

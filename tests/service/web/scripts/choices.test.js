// The small rules: classes by keys and by search, addresses of the queue, what is undone in a history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { findClasses } from "../../../../service/web/static/class-search.js";
import { columnsOf } from "../../../../service/web/static/column-roles.js";
import { choicesOf } from "../../../../service/web/static/decision.js";
import { queueAddress } from "../../../../service/web/static/queue-address.js";
import { filterFromAddress } from "../../../../service/web/static/review-head.js";
import { undoneIds } from "../../../../service/web/static/sample-history.js";
import { open, sample } from "./page.js";

test("keys stand for the suggestion, then for the other classes by probability", () => {
  const top = [
    { label: "dog", probability: 0.8 },
    { label: "fox", probability: 0.15 },
    { label: "cat", probability: 0.05 },
  ];
  const labels = (item, names) => choicesOf(item, names).map((choice) => choice?.label);
  const names = ["ant", "cat", "dog", "fox"];
  assert.deepEqual(labels(sample(1, { top_labels: top }), names), ["dog", "fox", "ant"]);
  const unsuggested = sample(1, { top_labels: top, suggested_label: null });
  assert.deepEqual(labels(unsuggested, names), [undefined, "dog", "fox", "ant"]);
  const many = Array.from({ length: 3000 }, (_, number) => `class ${number}`);
  assert.deepEqual(labels(sample(1, { top_labels: top }), many), ["dog", "fox"]);
});

test("a search finds every word, beginnings first, then the likely ones", () => {
  const names = ["big dog", "dog", "cat", "hotdog", "dog_small"];
  const probability = new Map([["dog_small", 0.9]]);
  assert.deepEqual(findClasses("dog", names, probability), [
    "dog_small",
    "dog",
    "big dog",
    "hotdog",
  ]);
  assert.deepEqual(findClasses("DOG big", names, probability), ["big dog"]);
  assert.deepEqual(findClasses("(", ["a (b)", "c"], new Map()), ["a (b)"]);
});

test("the address of a queue leads to the filter it was made of", () => {
  const address = queueAddress("au_1", { queue: "outlier", given_label: "a&b", sample: "" });
  assert.equal(address, "/audits/au_1?queue=outlier&given_label=a%26b");
  open(address);
  const { given_label: given, issue, tier } = filterFromAddress();
  assert.deepEqual([given, issue, tier], ["a&b", "outlier", ["obvious", "possible", "none"]]);
});

test("a reverted revert undoes nothing", () => {
  const corrections = [
    { id: "a", reverts: null },
    { id: "b", reverts: "a" },
    { id: "c", reverts: "b" },
    { id: "d", reverts: null },
    { id: "e", reverts: "d" },
  ];
  assert.deepEqual([...undoneIds(corrections)].sort(), ["b", "d"]);
});

test("only the columns that were named are sent", () => {
  assert.deepEqual(columnsOf({ label_column: "y", text_column: "", filename: "a.csv" }), {
    label: "y",
  });
});

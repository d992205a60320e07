// The small rules: classes by keys and by search, addresses of the queue, what is undone in a history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { findClasses } from "../../../../service/web/static/class-search.js";
import { columnsOf } from "../../../../service/web/static/column-roles.js";
import { choicesOf } from "../../../../service/web/static/decision.js";
import { queueAddress } from "../../../../service/web/static/queue-address.js";
import { filterFromAddress } from "../../../../service/web/static/review-head.js";
import { undoneIds } from "../../../../service/web/static/sample-history.js";
import { signalText } from "../../../../service/web/static/signals.js";
import { open, sample } from "./page.js";

test("up to ten classes keep their keys, whatever the sample", () => {
  const names = ["ant", "cat", "dog", "fox"];
  const shown = choicesOf(sample(1), names).map(({ key, label, verdict }) => [key, label, verdict]);
  assert.deepEqual(shown, [
    ["1", "ant", "relabel"],
    ["2", "cat", "keep"],
    ["3", "dog", "accept_suggestion"],
    ["4", "fox", "relabel"],
  ]);
  const other = sample(2, { given_label: "fox", suggested_label: null });
  const verdicts = choicesOf(other, names).map((choice) => choice.verdict);
  assert.deepEqual(verdicts, ["relabel", "relabel", "relabel", "keep"]);
  const ten = Array.from({ length: 10 }, (_, number) => `class ${number}`);
  assert.equal(choicesOf(sample(1), ten).at(-1).key, "0");
});

test("of many classes the likeliest are offered, the given label always among them", () => {
  const top = [
    { label: "dog", probability: 0.8 },
    { label: "fox", probability: 0.15 },
    { label: "cat", probability: 0.05 },
  ];
  const many = Array.from({ length: 3000 }, (_, number) => `class ${number}`);
  const labels = (changes) => choicesOf(sample(1, changes), many).map((choice) => choice.label);
  assert.deepEqual(labels({ top_labels: top }), ["dog", "fox", "cat"]);
  assert.deepEqual(labels({ top_labels: top.slice(0, 2) }), ["dog", "fox", "cat"]);
  const likely = many.slice(0, 20).map((label) => ({ label, probability: 0.05 }));
  assert.equal(labels({ top_labels: likely }).length, 10);
  assert.ok(labels({ top_labels: likely }).includes("cat"));
});

test("a signal is told in words that fit its value", () => {
  assert.equal(signalText("first_learned", 1, []), "never");
  assert.equal(signalText("first_learned", 0, []), "from the start");
  assert.equal(signalText("first_learned", 0.4, []), "after 40% of training");
  assert.equal(signalText("majority_class", 1, ["cat", "dog"]), "dog");
  assert.equal(signalText("p_given", 0.002, []), "<1%");
  assert.equal(signalText("aum", -1.23456, []), "-1.23");
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

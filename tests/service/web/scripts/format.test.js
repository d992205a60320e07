import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ago,
  bytes,
  finePercent,
  interval,
  percent,
  plural,
  shorten,
  timeLeft,
} from "../../../../service/web/static/format.js";

test("a share is never shown as 0% or 100% unless it is", () => {
  assert.equal(percent(0), "0%");
  assert.equal(percent(0.0001), "<1%");
  assert.equal(percent(0.01), "1%");
  assert.equal(percent(0.934), "93%");
  assert.equal(percent(0.99), "99%");
  assert.equal(percent(0.995), ">99%");
  assert.equal(percent(0.9999), ">99%");
  assert.equal(percent(1), "100%");
});

test("a share that is not known is a dash", () => {
  for (const unknown of [null, undefined, Number.NaN]) {
    assert.equal(percent(unknown), "–");
    assert.equal(finePercent(unknown), "–");
  }
});

test("a small rate has one decimal", () => {
  assert.equal(finePercent(0.0412), "4.1%");
  assert.equal(finePercent(0.2), "20%");
});

test("numbers, sizes and times", () => {
  assert.equal(plural(1, "sample"), "1 sample");
  assert.equal(plural(1200, "class", "classes"), "1,200 classes");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1500), "1.5 kB");
  assert.equal(bytes(25e6), "25 MB");
  assert.equal(timeLeft(61), "about 60 seconds left");
  assert.equal(timeLeft(600), "about 10 minutes left");
  assert.equal(ago(new Date(Date.now() - 2 * 3600e3).toISOString()), "2 hours ago");
  assert.equal(shorten("abcdef", 4), "abc…");
});

test("an interval has two bounds, or says which one is known", () => {
  assert.equal(interval({ low: 0.2, high: 0.35 }), "20% – 35%");
  assert.equal(interval({ low: 0.012, high: 0.03 }, finePercent), "1.2% – 3.0%");
  assert.equal(interval({ low: 0.81, high: null }), "lower bound 81%");
  assert.equal(interval({ low: null, high: 0.5 }), "upper bound 50%");
});

// What may be dropped on the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dropProblem } from "../../../../service/web/static/drop-zone.js";

const dropped = (...names) => ({
  files: names,
  items: names.map((name) => ({
    webkitGetAsEntry: () => ({ name, isDirectory: !name.includes(".") }),
  })),
});

test("one file is taken", () => {
  assert.equal(dropProblem(dropped("a.zip")), null);
  assert.equal(dropProblem(null), null);
});

test("a folder is to be compressed first", () => {
  assert.match(dropProblem(dropped("photos")).detail, /Compress photos to a ZIP/);
});

test("of several files none is taken in silence", () => {
  assert.equal(dropProblem(dropped("a.csv", "b.csv", "c.csv")).title, "You dropped 3 files");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ready } from "../../../../service/web/static/export.js";

const said = (counts, version = 9) => ready({ counts, dataset_version: version });

test("an export says what it changed", () => {
  assert.equal(
    said({ changed: 6, kept: 3, excluded: 0 }),
    "Ready: 6 labels changed, 3 kept (version 9)",
  );
  assert.match(
    said({ changed: 1, kept: 0, excluded: 2 }),
    /1 label changed, 0 kept, 2 samples excl/,
  );
});

test("an export without decisions, and one of an earlier release, promise nothing", () => {
  const none = { changed: 0, kept: 0, excluded: 0 };
  assert.equal(said(none, 0), "Ready: no decisions yet, so no labels changed");
  assert.equal(said(null), "Ready (version 9)");
});

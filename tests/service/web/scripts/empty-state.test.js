// What stands where there is no sample to show.

import assert from "node:assert/strict";
import { test } from "node:test";
import { unfinishedAuditView } from "../../../../service/web/static/empty-state.js";
import { open } from "./page.js";

open("/audits/au_1");
const text = (audit) => unfinishedAuditView(audit).textContent;

test("an audit that waits is not said to run", () => {
  assert.match(text({ status: "queued" }), /^This audit is waiting to start/);
  assert.match(text({ status: "running" }), /^This audit is still running/);
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

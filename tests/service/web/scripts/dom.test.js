import assert from "node:assert/strict";
import { test } from "node:test";
import { problemBox } from "../../../../service/web/static/dom.js";

test("a problem says where each error is", () => {
  const box = problemBox({
    title: "Invalid request",
    errors: [
      { pointer: "/people/0", detail: "unknown" },
      { parameter: "limit", detail: "too large" },
      { header: "Upload-Offset", detail: "missing" },
      { row: 0, column: "id", detail: "not unique" },
      { file: "a.png", detail: "not an image" },
    ],
  });
  assert.deepEqual(
    [...box.querySelectorAll("li .where")].map((where) => where.textContent),
    ["/people/0", "parameter limit", "header Upload-Offset", "row 0, column id", "a.png"],
  );
});

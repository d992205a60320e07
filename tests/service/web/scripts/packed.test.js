import assert from "node:assert/strict";
import { test } from "node:test";
import { unpack } from "../../../../service/web/static/packed.js";
import { pack } from "./page.js";

test("integers are little-endian, row by row, each times the scale", () => {
  // 0, 1, 256, 65535, 2, 3 as the server writes them
  const packed = { shape: [2, 3], dtype: "uint16", scale: 0.5, data: "AAABAAAB//8CAAMA" };
  assert.deepEqual(unpack(packed), [
    [0, 0.5, 128],
    [32767.5, 1, 1.5],
  ]);
});

test("wide integers have a sign", () => {
  const packed = { shape: [1, 2], dtype: "int32", scale: 0.001, data: "GPz//0DiAQA=" };
  assert.deepEqual(unpack(packed), [[-1, 123.456]]);
});

test("what was packed comes out again", () => {
  const rows = [
    [0.25, 1],
    [0, 0.9999],
  ];
  for (const dtype of ["uint16", "int32"]) assert.deepEqual(unpack(pack(rows, { dtype })), rows);
});

test("a matrix may have no rows", () => {
  assert.deepEqual(unpack({ shape: [0, 8], dtype: "uint16", scale: 1, data: "" }), []);
});

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { loadImage } from "../../../../service/web/static/sample.js";
import { open, serve } from "./page.js";

beforeEach(() => {
  open();
  mock.method(URL, "createObjectURL", () => "blob:the-image");
});

test("an image that the server has no room to decode is asked for again", async () => {
  const answers = [{ status: 503, body: {} }, { status: 429, body: {} }, {}];
  const requests = serve(() => answers.shift());
  mock.timers.enable({ apis: ["setTimeout"] });
  const loaded = loadImage({ media_url: "/v1/datasets/ds_1/samples/a/media" });
  for (let turn = 0; turn < 40; turn++) {
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(500);
  }
  assert.equal(await loaded, "blob:the-image");
  assert.equal(requests.length, 3);
  mock.timers.reset();
});

test("an image that cannot be decoded is asked for once", async () => {
  const requests = serve(() => ({ status: 422, body: {} }));
  await assert.rejects(loadImage({ media_url: "/v1/datasets/ds_1/samples/a/media" }));
  assert.equal(requests.length, 1);
});

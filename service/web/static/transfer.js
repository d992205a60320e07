// A file on its way: a small one in one request, a large one straight to the service's bucket, or in
// pieces through the service where there is no bucket or this page cannot reach it.

import * as api from "./api.js";
import { InParts, NoBucket } from "./parts.js";
import { stopped } from "./patience.js";
import { InPieces } from "./pieces.js";

const IN_ONE_BYTES = 8 * 2 ** 20; // below this, sending again is cheaper than asking

/**
 * `answer` becomes the dataset; `stop` gives up. `onProgress` gets the share that was sent, and
 * `onDetour` why the file goes another way than it began.
 */
export function send(file, query, { onProgress, onDetour }) {
  if (file.size < IN_ONE_BYTES) return inOne(file, query, onProgress);
  let way = null;
  let givenUp = false;
  const go = (kind) => {
    if (givenUp) throw stopped();
    way = new kind(file, query, onProgress);
    return way.send();
  };
  const answer = async () => {
    const { multipart } = await api.get("/v1/uploads");
    if (!multipart) return go(InPieces);
    try {
      return await go(InParts);
    } catch (error) {
      if (!(error instanceof NoBucket)) throw error;
      onDetour("The bucket takes nothing from this page, so the file goes through the service.");
      return go(InPieces);
    }
  };
  const stop = () => {
    givenUp = true;
    way?.stop();
  };
  return { answer: answer(), stop };
}

function inOne(file, query, onProgress) {
  const { answer, stop } = api.transfer("POST", "/v1/datasets", file, {
    query,
    onProgress: (sent) => onProgress(sent / (file.size || 1)),
  });
  return { answer: answer.then((request) => JSON.parse(request.responseText)), stop };
}

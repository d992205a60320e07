// Uploads a file: a small one in one request, a large one straight to the service's bucket, or through
// the service if there is no bucket or this page cannot reach it.

import * as api from "./api.js";
import { BucketUnreachable, MultipartUpload } from "./multipart-upload.js";
import { abortError } from "./retry.js";
import { TusUpload } from "./tus-upload.js";

const SINGLE_REQUEST_BYTES = 8 * 2 ** 20; // below this, starting over is cheap

/**
 * `answer` resolves to the dataset; `stop` aborts. `onProgress` gets the share that was sent, and
 * `onFallback` why the file goes through the service after all.
 * @param {File} file
 * @param {UploadQuery} query
 * @param {{ onProgress: OnProgress, onFallback: (reason: string) => void }} options
 */
export function uploadFile(file, query, { onProgress, onFallback }) {
  if (file.size < SINGLE_REQUEST_BYTES) return uploadInOneRequest(file, query, onProgress);
  /** @type {TusUpload | MultipartUpload | null} */
  let current = null;
  let stopped = false;
  /** @param {typeof TusUpload | typeof MultipartUpload} Upload */
  const begin = (Upload) => {
    if (stopped) throw abortError();
    current = new Upload(file, query, onProgress);
    return current.send();
  };
  const answer = async () => {
    const { multipart } = await api.get("/v1/uploads");
    if (!multipart) return begin(TusUpload);
    try {
      return await begin(MultipartUpload);
    } catch (error) {
      if (!(error instanceof BucketUnreachable)) throw error;
      onFallback(
        "This page cannot reach the storage bucket. The file is uploaded through the server instead.",
      );
      return begin(TusUpload);
    }
  };
  const stop = () => {
    stopped = true;
    current?.stop();
  };
  return { answer: answer(), stop };
}

/**
 * @param {File} file
 * @param {UploadQuery} query
 * @param {OnProgress} onProgress
 */
function uploadInOneRequest(file, query, onProgress) {
  const { answer, stop } = api.upload("POST", "/v1/datasets", file, {
    query,
    onProgress: (sent) => onProgress(sent / (file.size || 1)),
  });
  return { answer: answer.then((request) => JSON.parse(request.responseText)), stop };
}

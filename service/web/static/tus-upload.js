// Uploads a large file through the service in chunks, by the tus protocol. Chunks that have arrived are
// kept, so an interrupted upload resumes after them.

import * as api from "./api.js";
import { columnsOf } from "./column-roles.js";
import { abortError, RETRY_DELAYS_MS, retryDelay, sleep } from "./retry.js";

const CHUNK_BYTES = 4 * 2 ** 20;
const TUS = { "Tus-Resumable": "1.0.0" };

export class TusUpload {
  /**
   * @param {File} file
   * @param {UploadQuery} query
   * @param {OnProgress} onProgress
   */
  constructor(file, query, onProgress) {
    this.file = file;
    this.query = query;
    this.onProgress = onProgress;
    this.path = ""; // once created
    /** @type {UploadRequest | null} */
    this.current = null;
    this.stopped = false;
  }

  stop() {
    this.stopped = true;
    this.current?.stop();
    if (this.path) api.headersOf("DELETE", this.path, TUS).catch(() => {}); // it expires anyway
  }

  /** Returns the dataset. */
  async send() {
    const upload = await api.post("/v1/uploads", {
      transfer: "resumable",
      length: this.file.size,
      filename: this.query.filename,
      columns: columnsOf(this.query),
    });
    this.path = `/v1/uploads/${upload.id}`;
    /** @type {number | null} */
    let offset = 0; // null: ask the service
    let arrived = 0;
    let failures = 0;
    for (;;) {
      try {
        /** @type {{ get: (name: string) => string | null }} */
        const headers = offset === null ? await this.#askOffset() : await this.#sendChunk(offset);
        const dataset = headers.get("Upload-Dataset");
        if (dataset) return await api.get(`/v1/datasets/${dataset}`);
        offset = Number(headers.get("Upload-Offset"));
        if (offset > arrived) failures = 0;
        arrived = offset;
      } catch (error) {
        if (!isRetryable(error) || failures === RETRY_DELAYS_MS.length) {
          throw await this.#reason(error);
        }
        await sleep(retryDelay(failures, error));
        if (this.stopped) throw abortError();
        failures += 1;
        offset = null;
      }
    }
  }

  #askOffset() {
    return api.headersOf("HEAD", this.path, TUS);
  }

  /** @param {number} offset */
  async #sendChunk(offset) {
    const chunk = this.file.slice(offset, offset + CHUNK_BYTES);
    this.current = api.upload("PATCH", this.path, chunk, {
      headers: {
        ...TUS,
        "Upload-Offset": offset,
        "Content-Type": "application/offset+octet-stream",
      },
      onProgress: (sent) => this.onProgress((offset + sent) / this.file.size),
    });
    const request = await this.current.answer;
    return { get: (/** @type {string} */ name) => request.getResponseHeader(name) };
  }

  /**
   * Why an upload is gone: HEAD cannot say, GET does.
   * @param {any} error
   */
  async #reason(error) {
    if (error.status !== 410) return error;
    const { problem } = await api.get(this.path);
    return problem ? new api.Problem(problem.status, problem) : error;
  }
}

/**
 * 423: another request may still be writing. 409: more had arrived than this page knew.
 * @param {any} error
 */
const isRetryable = (error) =>
  error instanceof api.Problem && (error.retryable || [409, 423].includes(error.status));

// Uploads a large file straight to the service's bucket, several parts at a time. The service only
// signs the addresses; the bucket is not told who is uploading.

import * as api from "./api.js";
import { columnsOf } from "./column-roles.js";
import { abortError, RETRY_DELAYS_MS, retryDelay, sleep } from "./retry.js";

const CONCURRENT_PARTS = 3;
const SIGNED_AT_ONCE = 20; // a signed address is good for an hour
const FIRST_RETRIES = 3; // of a part while none has arrived: the bucket may refuse this page

/** The bucket accepts nothing from this page. */
export class BucketUnreachable extends Error {}

export class MultipartUpload {
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
    this.partBytes = 0;
    this.arrived = 0;
    this.stopped = false;
    /** @type {Map<number, UploadRequest>} by part number */
    this.requests = new Map();
    /** @type {Map<number, number>} by part number */
    this.sentBytes = new Map();
  }

  stop() {
    this.stopped = true;
    for (const request of this.requests.values()) request.stop();
    if (this.path) api.remove(this.path).catch(() => {}); // it expires anyway
  }

  /** Returns the dataset. */
  async send() {
    const upload = await api.post("/v1/uploads", {
      transfer: "multipart",
      length: this.file.size,
      filename: this.query.filename,
      columns: columnsOf(this.query),
    });
    this.path = `/v1/uploads/${upload.id}`;
    this.partBytes = upload.part_bytes;
    for (let first = 1; first <= upload.part_count; first += SIGNED_AT_ONCE) {
      await this.#sendParts(await this.#sign(first, SIGNED_AT_ONCE));
    }
    const { dataset_id: dataset } = await withRetries(() => api.post(`${this.path}/complete`));
    return api.get(`/v1/datasets/${dataset}`);
  }

  /**
   * @param {number} first
   * @param {number} limit
   */
  async #sign(first, limit) {
    const query = { first, limit };
    return (await withRetries(() => api.get(`${this.path}/parts`, { query }))).items;
  }

  /** @param {Api.PartRead[]} parts */
  async #sendParts(parts) {
    const waiting = [...parts];
    const sendOneByOne = async () => {
      for (let part = waiting.shift(); part; part = waiting.shift()) {
        this.#throwIfStopped();
        await this.#sendPart(part);
      }
    };
    try {
      await Promise.all(Array.from({ length: CONCURRENT_PARTS }, sendOneByOne));
    } catch (error) {
      this.stop(); // the other parts, and the reserved space
      throw error;
    }
  }

  /** @param {Api.PartRead} part */
  async #sendPart(part) {
    for (let failures = 0; !part.arrived; failures += 1) {
      try {
        await this.#put(part);
        break;
      } catch (error) {
        this.#throwIfStopped();
        if (this.arrived === 0 && failures === FIRST_RETRIES) {
          throw new BucketUnreachable(error.message);
        }
        if (failures === RETRY_DELAYS_MS.length) throw error;
        await sleep(retryDelay(failures, error));
        this.#throwIfStopped();
        [part] = await this.#sign(part.number, 1); // the address may have expired
      }
    }
    this.arrived += 1;
    this.#reportProgress(part.number, part.bytes);
  }

  #throwIfStopped() {
    if (this.stopped) throw abortError();
  }

  /** @param {Api.PartRead} options */
  async #put({ number, bytes, url }) {
    const begin = (number - 1) * this.partBytes;
    const request = api.uploadTo("PUT", url, this.file.slice(begin, begin + bytes), {
      onProgress: (sent) => this.#reportProgress(number, sent),
    });
    this.requests.set(number, request);
    await request.answer.finally(() => this.requests.delete(number));
  }

  /**
   * @param {number} number
   * @param {number} sent
   */
  #reportProgress(number, sent) {
    this.sentBytes.set(number, sent);
    const total = [...this.sentBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.onProgress(total / this.file.size);
  }
}

/** @param {() => Promise<any>} call */
async function withRetries(call) {
  for (const failures of RETRY_DELAYS_MS.keys()) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof api.Problem && error.retryable)) throw error;
      await sleep(retryDelay(failures, error));
    }
  }
  return call();
}

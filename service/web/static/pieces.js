// A large file through the service, in pieces by tus. What has arrived stays, whatever breaks, and the
// next piece goes on behind it.

import * as api from "./api.js";
import { PAUSES, pause, stopped } from "./patience.js";
import { columnsOf } from "./roles.js";

const PIECE_BYTES = 4 * 2 ** 20;
const TUS = { "Tus-Resumable": "1.0.0" };

export class InPieces {
  constructor(file, query, onProgress) {
    Object.assign(this, { file, query, onProgress, path: null, current: null, stopped: false });
  }

  stop() {
    this.stopped = true;
    this.current?.stop();
    if (this.path) api.headersOf("DELETE", this.path, TUS).catch(() => {}); // it expires anyway
  }

  async send() {
    const created = await api.headersOf("POST", "/v1/uploads", {
      ...TUS,
      "Upload-Length": this.file.size,
      "Upload-Metadata": metadata(this.query),
    });
    this.path = created.get("Location");
    let offset = 0; // null where it must be asked for
    let arrived = 0;
    let failures = 0;
    for (;;) {
      try {
        const headers = offset === null ? await this.locate() : await this.piece(offset);
        const dataset = headers.get("Upload-Dataset");
        if (dataset) return await api.get(`/v1/datasets/${dataset}`);
        offset = Number(headers.get("Upload-Offset"));
        if (offset > arrived) failures = 0;
        arrived = offset;
      } catch (error) {
        if (!mayPass(error) || failures === PAUSES.length) throw await this.reason(error);
        await pause(PAUSES[failures]);
        if (this.stopped) throw stopped();
        failures += 1;
        offset = null;
      }
    }
  }

  locate() {
    return api.headersOf("HEAD", this.path, TUS);
  }

  async piece(offset) {
    const piece = this.file.slice(offset, offset + PIECE_BYTES);
    this.current = api.transfer("PATCH", this.path, piece, {
      headers: {
        ...TUS,
        "Upload-Offset": offset,
        "Content-Type": "application/offset+octet-stream",
      },
      onProgress: (sent) => this.onProgress((offset + sent) / this.file.size),
    });
    const request = await this.current.answer;
    return { get: (name) => request.getResponseHeader(name) };
  }

  /** Why an upload is gone: HEAD cannot say, GET does. */
  async reason(error) {
    if (error.status !== 410) return error;
    const { problem } = await api.get(this.path);
    return problem ? new api.Problem(problem.status, problem) : error;
  }
}

/** Another request may still write (423), or more had arrived than was known (409). */
const mayPass = (error) =>
  error instanceof api.Problem && (error.passing || [409, 423].includes(error.status));

function metadata({ filename, ...fields }) {
  const columns = columnsOf(fields);
  const pairs = { filename };
  if (Object.keys(columns).length) pairs.columns = JSON.stringify(columns);
  return Object.entries(pairs)
    .map(([name, value]) => `${name} ${base64(value)}`)
    .join(",");
}

const base64 = (text) => btoa(String.fromCodePoint(...new TextEncoder().encode(text)));

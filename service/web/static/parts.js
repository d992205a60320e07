// A large file straight to the service's bucket, in parts, several at a time. The service signs the
// addresses and hears nothing of the bytes; the bucket is told nothing of who sends them.

import * as api from "./api.js";
import { PAUSES, pause, stopped } from "./patience.js";
import { columnsOf } from "./roles.js";

const LINES = 3; // parts on their way at once
const SIGNED = 20; // parts whose addresses are asked for at once; each is good for an hour
const FIRST_TRIES = 3; // of a part while none has arrived: the bucket may be barred to this page

/** The bucket takes nothing from this page. */
export class NoBucket extends Error {}

export class InParts {
  constructor(file, query, onProgress) {
    Object.assign(this, { file, query, onProgress, path: null, arrived: 0, stopped: false });
    this.sending = new Map(); // part -> what sends it
    this.sent = new Map(); // part -> how many of its bytes are on their way or there
  }

  stop() {
    this.stopped = true;
    for (const one of this.sending.values()) one.stop();
    if (this.path) api.remove(this.path).catch(() => {}); // it expires anyway
  }

  async send() {
    const upload = await api.post("/v1/multipart-uploads", {
      length: this.file.size,
      filename: this.query.filename,
      columns: columnsOf(this.query),
    });
    this.path = `/v1/uploads/${upload.id}`;
    this.partBytes = upload.part_bytes;
    for (let first = 1; first <= upload.part_count; first += SIGNED) {
      await this.all(await this.sign(first, SIGNED));
    }
    const { dataset_id: dataset } = await patiently(() => api.post(`${this.path}/complete`));
    return api.get(`/v1/datasets/${dataset}`);
  }

  async sign(first, count) {
    const query = { first, count };
    return (await patiently(() => api.get(`${this.path}/parts`, { query }))).items;
  }

  async all(parts) {
    const waiting = [...parts];
    const line = async () => {
      for (let part; (part = waiting.shift()); ) {
        this.refuseToGoOn();
        await this.part(part);
      }
    };
    try {
      await Promise.all(Array.from({ length: LINES }, line));
    } catch (error) {
      this.stop(); // the other lines, and the room that is reserved
      throw error;
    }
  }

  async part(part) {
    for (let failures = 0; !part.arrived; ) {
      try {
        await this.put(part);
        break;
      } catch (error) {
        this.refuseToGoOn();
        if (this.arrived === 0 && failures === FIRST_TRIES) throw new NoBucket(error.message);
        if (failures === PAUSES.length) throw error;
        await pause(PAUSES[failures]);
        this.refuseToGoOn();
        failures += 1;
        [part] = await this.sign(part.number, 1); // the address may have expired
      }
    }
    this.arrived += 1;
    this.tell(part.number, part.bytes);
  }

  refuseToGoOn() {
    if (this.stopped) throw stopped();
  }

  async put({ number, bytes, url }) {
    const begin = (number - 1) * this.partBytes;
    const content = this.file.slice(begin, begin + bytes);
    const sending = api.bytesTo("PUT", url, content, { onProgress: (n) => this.tell(number, n) });
    this.sending.set(number, sending);
    await sending.answer.finally(() => this.sending.delete(number));
  }

  tell(number, sent) {
    this.sent.set(number, sent);
    const all = [...this.sent.values()].reduce((sum, one) => sum + one, 0);
    this.onProgress(all / this.file.size);
  }
}

async function patiently(ask) {
  for (const milliseconds of PAUSES) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof api.Problem && error.passing)) throw error;
      await pause(milliseconds);
    }
  }
  return ask();
}

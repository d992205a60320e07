// What this page holds of the queue: a few leased samples ahead, renewed while open, given back after.

import * as api from "./api.js";
import { preload } from "./sample.js";

const ROUNDS = 5;
const MOST_AT_ONCE = 20; // what one call may lease
const IDLE_MS = 20 * 60_000; // whoever has gone home should not keep samples from colleagues

export class Queue {
  /** `onLost(item)` is called when somebody else may have the item now. */
  constructor(auditId, filter, { onLost, ahead = 4, pictureSize = 1024 }) {
    this.base = `/v1/audits/${auditId}/queue`;
    this.filter = filter;
    this.onLost = onLost;
    this.wanted = ahead;
    this.pictureSize = pictureSize;
    this.ahead = [];
    this.held = new Map();
    this.shown = new Map();
    this.exhausted = false;
    this.active = Date.now();
  }

  /** The next sample if one is here; ask `refill` otherwise. */
  take() {
    if (Date.now() - this.active > IDLE_MS) this.release(); // run out unrenewed, maybe decided since
    this.active = Date.now();
    const item = this.ahead.shift() ?? null;
    if (item) this.shown.set(item.sample_id, item);
    return item;
  }

  putBack(item) {
    if (item) this.ahead.unshift(item);
  }

  /** The item was decided: its lease is not ours to renew or release any more. */
  forget(item) {
    this.held.delete(item.sample_id);
  }

  keep(item) {
    if (item.lease) this.held.set(item.sample_id, item);
  }

  /** Lease until enough lies ahead; calls made meanwhile share one request. */
  refill() {
    this.filling ??= this.#fill().finally(() => {
      this.filling = null;
    });
    return this.filling;
  }

  async #fill() {
    for (let round = 0; round < ROUNDS && this.ahead.length < this.wanted; round += 1) {
      const count = Math.min(MOST_AT_ONCE, this.wanted - this.ahead.length);
      const { items } = await api.post(`${this.base}/next`, { count, ...this.filter });
      this.exhausted = items.length < count;
      items.forEach((item) => this.#receive(item));
      this.#scheduleRenewal();
      if (this.exhausted) return;
    }
  }

  /** A sample whose decision was undone, or that was skipped again, comes back while it is still
      known here: only its lease is new. */
  #receive(item) {
    const known = this.shown.get(item.sample_id);
    if (known) {
      known.lease = item.lease;
      this.held.set(item.sample_id, known);
      return;
    }
    this.held.set(item.sample_id, item);
    preload(item, this.pictureSize);
    this.ahead.push(item);
  }

  #scheduleRenewal() {
    if (this.timer || !this.held.size) return;
    const shortest = Math.min(
      ...[...this.held.values()].map((item) => item.lease.expires_in_seconds),
    );
    this.timer = setInterval(() => this.#renew(), (shortest * 1000) / 3);
  }

  async #renew() {
    if (Date.now() - this.active > IDLE_MS) return;
    await Promise.all(
      [...this.held.values()].map(async (item) => {
        try {
          await api.post(`${this.base}/renew`, lease(item));
        } catch (problem) {
          if (!problem.is?.("lease-lost") || this.held.get(item.sample_id) !== item) return;
          this.held.delete(item.sample_id);
          this.ahead = this.ahead.filter((other) => other !== item);
          this.onLost(item);
        }
      }),
    );
  }

  /** Give back everything; works while the page is being closed. */
  release() {
    clearInterval(this.timer);
    this.timer = null;
    const given = [...this.held.values()].map((item) =>
      api.post(`${this.base}/release`, lease(item), { keepalive: true }).catch(() => {}),
    );
    this.held.clear();
    this.shown.clear();
    this.ahead = [];
    return Promise.all(given);
  }
}

const lease = (item) => ({ sample_id: item.sample_id, lease_id: item.lease.lease_id });

// The samples that this page has leased from the queue: a few ahead, renewed while in use, released
// afterwards.

import * as api from "./api.js";
import { loadImage } from "./sample.js";

const MAX_ROUNDS = 5;
const MAX_PER_CALL = 20; // what one call may lease
const IDLE_MS = 20 * 60_000; // an abandoned page must not keep samples from others

export class Queue {
  /**
   * `onLeaseLost(item)` is called when somebody else may have the item now. `include` names the heavy
   * parts of each sample that are shown.
   * @param {string} auditId
   * @param {Filter} filter
   * @param {QueueOptions} options
   */
  constructor(auditId, filter, { onLeaseLost, include = [], ahead = 4, imageSize = 1024 }) {
    this.base = `/v1/audits/${auditId}/queue`;
    this.filter = filter;
    this.onLeaseLost = onLeaseLost;
    this.include = include;
    this.target = ahead;
    this.imageSize = imageSize;
    /** @type {Suspect[]} */
    this.ahead = [];
    /** @type {Map<string, Suspect>} by sample id */
    this.leased = new Map();
    /** @type {Map<string, Suspect>} by sample id */
    this.shown = new Map();
    this.exhausted = false;
    this.lastActive = Date.now();
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    /** @type {Promise<void> | null} */
    this.filling = null;
  }

  /** The next sample if one is here; call `refill` otherwise. */
  take() {
    if (this.#isIdle()) this.release(); // the leases expired, and others may have decided meanwhile
    this.lastActive = Date.now();
    const item = this.ahead.shift() ?? null;
    if (item) this.shown.set(item.sample_id, item);
    return item;
  }

  /** @param {Suspect | null} item */
  putBack(item) {
    if (item) this.ahead.unshift(item);
  }

  /**
   * The item was decided: its lease must not be renewed or released any more.
   * @param {Suspect} item
   */
  removeLease(item) {
    this.leased.delete(item.sample_id);
  }

  /**
   * The item's decision was undone before it was sent: its lease is held again.
   * @param {Suspect} item
   */
  addLease(item) {
    if (item.lease) this.leased.set(item.sample_id, item);
  }

  /** Lease until enough lie ahead; concurrent calls share one request. */
  refill() {
    this.filling ??= this.#fill().finally(() => {
      this.filling = null;
    });
    return this.filling;
  }

  async #fill() {
    for (let round = 0; round < MAX_ROUNDS && this.ahead.length < this.target; round += 1) {
      const count = Math.min(MAX_PER_CALL, this.target - this.ahead.length);
      const body = { count, include: this.include, ...this.filter };
      const { items } = await api.post(`${this.base}/next`, body);
      this.exhausted = items.length < count;
      for (const item of items) this.#receive(item);
      this.#scheduleRenewal();
      if (this.exhausted) return;
    }
  }

  /**
   * A sample that was undone or skipped again is served again while this page still has it: only its
   * lease is new.
   * @param {Suspect} item
   */
  #receive(item) {
    const known = this.shown.get(item.sample_id);
    if (known) {
      known.lease = item.lease;
      this.leased.set(item.sample_id, known);
      return;
    }
    this.leased.set(item.sample_id, item);
    if (item.media_url) loadImage(item, this.imageSize);
    this.ahead.push(item);
  }

  #scheduleRenewal() {
    if (this.timer || !this.leased.size) return;
    const shortest = Math.min(
      ...[...this.leased.values()].map((item) => item.lease?.expires_in_seconds ?? Infinity),
    );
    this.timer = setInterval(() => this.#renew(), (shortest * 1000) / 3);
  }

  async #renew() {
    if (this.#isIdle()) return;
    await Promise.all([...this.leased.values()].map((item) => this.#renewOne(item)));
  }

  /** @param {Suspect} item */
  async #renewOne(item) {
    try {
      await api.post(`${this.base}/renew`, leaseOf(item));
    } catch (problem) {
      const lost = problem instanceof api.Problem && problem.is("lease-lost");
      if (!lost || this.leased.get(item.sample_id) !== item) return;
      this.leased.delete(item.sample_id);
      this.ahead = this.ahead.filter((other) => other !== item);
      this.onLeaseLost(item);
    }
  }

  #isIdle() {
    return Date.now() - this.lastActive > IDLE_MS;
  }

  /** Release every lease; works while the page is being closed. */
  release() {
    clearInterval(this.timer);
    this.timer = undefined;
    const released = [...this.leased.values()].map((item) =>
      api.post(`${this.base}/release`, leaseOf(item), { keepalive: true }).catch(() => {}),
    );
    this.leased.clear();
    this.shown.clear();
    this.ahead = [];
    return Promise.all(released);
  }
}

/** @param {Suspect} item */
const leaseOf = (item) => ({ sample_id: item.sample_id, lease_id: item.lease?.lease_id });

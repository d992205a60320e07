// Saves decisions in the background, in order, each under its own Idempotency-Key. They stay in the
// tab's storage until the server has answered, so neither a lost connection nor a restart of the server
// nor a reload of the page loses one.

import * as api from "./api.js";

const FIRST_DELAY_MS = 800;
const MAX_DELAY_MS = 20_000;

export class Outbox {
  /**
   * `onNothingToUndo` is called when a decision to undo was undone elsewhere.
   * @param {string} auditId
   * @param {{ onChange: () => void, onNothingToUndo: () => void }} options
   */
  constructor(auditId, { onChange, onNothingToUndo }) {
    this.base = `/v1/audits/${auditId}`;
    this.storageKey = `labelaudit.outbox.${auditId}`;
    this.onChange = onChange;
    this.onNothingToUndo = onNothingToUndo;
    /** @type {Operation[]} */
    this.operations = JSON.parse(sessionStorage.getItem(this.storageKey) ?? "[]");
    /** @type {api.Problem | null} */
    this.connectionProblem = null;
    this.sending = false;
    /** @type {(() => void) | null} */
    this.skipDelay = null;
    window.addEventListener("online", () => this.flush());
  }

  get waiting() {
    return this.operations.filter((operation) => operation.state === "waiting");
  }

  get rejected() {
    return this.operations.filter((operation) => operation.state === "rejected");
  }

  /**
   * One decision or several: all or none of them are stored.
   * @param {...Correction} corrections
   */
  submit(...corrections) {
    /** @type {Operation} */
    const operation = {
      kind: "submit",
      id: randomId(),
      corrections,
      state: "waiting",
      attempts: 0,
    };
    this.#add(operation);
    return operation;
  }

  /**
   * Undo an operation; returns true if it was never sent.
   * @param {Operation} operation
   */
  undo(operation) {
    if (operation.state === "waiting" && operation.attempts === 0) {
      this.#remove(operation);
      return true;
    }
    if (operation.state === "rejected") this.#remove(operation);
    else
      this.#add({
        kind: "revert",
        id: randomId(),
        of: operation.id,
        batch_id: operation.batch_id,
        state: "waiting",
        attempts: 0,
      });
    return false;
  }

  /**
   * Send a rejected operation again, with corrections that may be accepted.
   * @param {Operation} operation
   * @param {Correction[]} corrections
   */
  retry(operation, corrections) {
    this.#remove(operation);
    Object.assign(operation, { state: "waiting", attempts: 0, id: randomId(), problem: undefined });
    operation.corrections = corrections;
    this.#add(operation);
  }

  /** @param {Operation} operation */
  discard(operation) {
    this.#remove(operation);
  }

  async flush() {
    if (!this.connectionProblem?.retryAfterMs) this.skipDelay?.();
    if (this.sending) return;
    this.sending = true;
    let delay = FIRST_DELAY_MS;
    for (let [operation] = this.waiting; operation; [operation] = this.waiting) {
      operation.attempts += 1;
      this.#persist();
      try {
        await this.#send(operation);
        this.connectionProblem = null;
      } catch (problem) {
        if (problem.status === 401) break; // stays stored, and is sent after signing in
        if (problem.retryable) {
          this.connectionProblem = problem;
          this.onChange();
          await this.#wait(Math.max(delay, problem.retryAfterMs ?? 0));
          delay = Math.min(delay * 2, MAX_DELAY_MS);
          continue;
        }
        this.#reject(operation, problem);
      }
      delay = FIRST_DELAY_MS;
      this.onChange();
    }
    this.sending = false;
  }

  /** The page is being closed: send everything without waiting. The answers come too late to be read,
      but sending twice stores once, so the next page may send the same again. */
  sendOnUnload() {
    for (const operation of this.waiting) {
      operation.attempts += 1;
      if (operation.kind === "submit") this.#post(operation, { keepalive: true }).catch(() => {});
      else if (operation.batch_id) this.#revert(operation, { keepalive: true }).catch(() => {});
    }
    this.#persist();
  }

  /** @param {number} milliseconds */
  #wait(milliseconds) {
    return new Promise((resolve) => {
      this.skipDelay = () => resolve(undefined);
      setTimeout(resolve, milliseconds);
    });
  }

  /**
   * @param {Operation} operation
   * @param {RequestOptions} [options]
   */
  #post(operation, options) {
    const headers = { "Idempotency-Key": operation.id };
    return api.post(
      `${this.base}/corrections`,
      { corrections: operation.corrections },
      { headers, ...options },
    );
  }

  /**
   * Reverts what one request stored.
   * @param {Operation} operation
   * @param {RequestOptions} [options]
   */
  #revert({ batch_id }, options) {
    return api.post(`${this.base}/reverts`, { batch_id }, options);
  }

  /** @param {Operation} operation */
  async #sendRevert(operation) {
    try {
      await this.#revert(operation);
    } catch (problem) {
      if (!(problem instanceof api.Problem && problem.is("nothing-to-revert"))) throw problem;
      // An earlier attempt may have reverted it, and only its answer was lost.
      if (operation.attempts === 1) this.onNothingToUndo();
    }
  }

  /** @param {Operation} operation */
  async #send(operation) {
    if (operation.kind === "submit") {
      operation.batch_id = (await this.#post(operation)).batch_id;
      for (const later of this.operations) {
        if (later.of === operation.id) later.batch_id = operation.batch_id;
      }
    } else if (operation.batch_id) {
      await this.#sendRevert(operation);
    }
    operation.state = "saved";
    this.#remove(operation);
  }

  /**
   * @param {Operation} operation
   * @param {any} problem
   */
  #reject(operation, problem) {
    operation.state = "rejected";
    const { status, type, title, detail, errors, request_id } = problem;
    operation.problem = {
      status,
      type,
      title,
      detail: detail || String(problem.message ?? problem),
      errors,
      request_id,
    };
    this.#persist();
  }

  /** @param {Operation} operation */
  #add(operation) {
    this.operations.push(operation);
    this.#persist();
    this.onChange();
    this.flush();
  }

  /** @param {Operation} operation */
  #remove(operation) {
    this.operations = this.operations.filter((other) => other !== operation);
    this.#persist();
    this.onChange();
  }

  #persist() {
    if (this.operations.length) {
      sessionStorage.setItem(this.storageKey, JSON.stringify(this.operations));
    } else sessionStorage.removeItem(this.storageKey);
  }
}

/** crypto.randomUUID is missing on plain http from another machine; getRandomValues is not. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

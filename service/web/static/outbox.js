// Decisions on their way to the server. A decision is taken at once and sent behind the reviewer's
// back, in order, each under its own Idempotency-Key, and kept in the tab until it is answered: a
// broken line, a restart of the server or a reload of the page loses none.

import * as api from "./api.js";

const FIRST_WAIT = 800;
const LONGEST_WAIT = 20_000;

export class Outbox {
  constructor(auditId, { onChange }) {
    this.base = `/v1/audits/${auditId}`;
    this.name = `labelaudit.outbox.${auditId}`;
    this.onChange = onChange;
    this.operations = JSON.parse(sessionStorage.getItem(this.name) ?? "[]");
    this.trouble = null;
    window.addEventListener("online", () => this.flush());
  }

  get waiting() {
    return this.operations.filter((operation) => operation.state === "waiting");
  }

  get refused() {
    return this.operations.filter((operation) => operation.state === "refused");
  }

  /** One decision or many: they are stored together or not at all. */
  submit(...corrections) {
    const operation = {
      kind: "submit",
      id: randomId(),
      corrections,
      state: "waiting",
      attempts: 0,
    };
    this.#push(operation);
    return operation;
  }

  /** Take a decision back; returns true if it never left the page. */
  undo(operation) {
    if (operation.state === "waiting" && operation.attempts === 0) {
      this.#remove(operation);
      return true;
    }
    if (operation.state === "refused") this.#remove(operation);
    else
      this.#push({
        kind: "revert",
        id: randomId(),
        of: operation.id,
        batch_id: operation.batch_id,
        state: "waiting",
        attempts: 0,
      });
    return false;
  }

  /** Send a refused decision again, with corrections that may be accepted. */
  retry(operation, corrections) {
    this.#remove(operation);
    Object.assign(operation, { state: "waiting", attempts: 0, id: randomId(), problem: undefined });
    operation.corrections = corrections;
    this.#push(operation);
  }

  drop(operation) {
    this.#remove(operation);
  }

  async flush() {
    this.wake?.(); // do not wait out a pause that was meant for a broken line
    if (this.sending) return;
    this.sending = true;
    let wait = FIRST_WAIT;
    for (let operation; (operation = this.waiting[0]);) {
      operation.attempts += 1;
      this.#keep();
      try {
        await this.#send(operation);
        this.trouble = null;
      } catch (problem) {
        if (problem.status === 401) break; // stays kept; sent after signing in
        if (problem.passing) {
          this.trouble = problem;
          this.onChange();
          await new Promise((resolve) => {
            this.wake = resolve;
            setTimeout(resolve, wait);
          });
          wait = Math.min(wait * 2, LONGEST_WAIT);
          continue;
        }
        this.#refuse(operation, problem);
      }
      wait = FIRST_WAIT;
      this.onChange();
    }
    this.sending = false;
  }

  /** The page is going away: send what can be sent without waiting. Answers come too late to read,
      but what is stored twice is stored once, so the next page sends the same again. */
  leave() {
    for (const operation of this.waiting) {
      if (operation.kind === "submit") this.#post(operation, { keepalive: true }).catch(() => {});
      else if (operation.batch_id) this.#revert(operation, { keepalive: true }).catch(() => {});
    }
  }

  #post(operation, options) {
    const headers = { "Idempotency-Key": operation.id };
    return api.post(`${this.base}/corrections`, { corrections: operation.corrections }, { headers, ...options });
  }

  /** What still stands of all that one request stored: undoing it twice undoes it once. */
  #revert(operation, options) {
    return api.post(`${this.base}/batches/${operation.batch_id}/revert`, undefined, options);
  }

  async #send(operation) {
    if (operation.kind === "submit") {
      const { corrections } = await this.#post(operation);
      operation.batch_id = corrections[0].batch_id;
      for (const later of this.operations) {
        if (later.of === operation.id) later.batch_id = operation.batch_id;
      }
    } else if (operation.batch_id) {
      await this.#revert(operation);
    }
    operation.state = "saved";
    this.#remove(operation);
  }

  #refuse(operation, problem) {
    operation.state = "refused";
    const { status, type, title, detail, errors, request_id } = problem;
    operation.problem = {
      status,
      type,
      title,
      detail: detail || String(problem.message ?? problem),
      errors,
      request_id,
    };
    this.#keep();
  }

  #push(operation) {
    this.operations.push(operation);
    this.#keep();
    this.onChange();
    this.flush();
  }

  #remove(operation) {
    this.operations = this.operations.filter((other) => other !== operation);
    this.#keep();
    this.onChange();
  }

  #keep() {
    if (this.operations.length) sessionStorage.setItem(this.name, JSON.stringify(this.operations));
    else sessionStorage.removeItem(this.name);
  }
}

/** crypto.randomUUID is missing on plain http from another machine; random values are not. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

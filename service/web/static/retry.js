// How long an upload or an image waits before each retry, and the error with which a stopped upload ends.

export const RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 15_000, 15_000];

/**
 * The delay after that many failures, and never less than the server asked for.
 * @param {number} failures
 * @param {{ retryAfterMs?: number }} error
 */
export const retryDelay = (failures, { retryAfterMs = 0 }) =>
  Math.max(RETRY_DELAYS_MS[failures], retryAfterMs);

/** @param {number} milliseconds */
export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const abortError = () => new DOMException("stopped", "AbortError");

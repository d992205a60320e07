// How long an upload waits before each retry, and the error with which a stopped upload ends.

export const RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 15_000, 15_000];

/** @param {number} milliseconds */
export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const abortError = () => new DOMException("stopped", "AbortError");

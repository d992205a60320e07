// How long an upload waits before it tries again, and how it ends when somebody stops it.

export const PAUSES = [500, 1000, 2000, 4000, 8000, 15_000, 15_000]; // while nothing more arrives

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const stopped = () => new DOMException("stopped", "AbortError");

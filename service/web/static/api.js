// The API client, the only module that calls the server. The browser authenticates with a cookie that
// no script can read; an API key is used once, to exchange it for that cookie.

import { parseEvents } from "./event-stream.js";

const CSRF_HEADER = { "X-CSRF": "1" }; // no page of another origin can send it

export class Problem extends Error {
  /**
   * `status` 0 means that there was no response.
   * @param {number} status
   * @param {ProblemBody} body
   */
  constructor(status, body, retryAfterMs = 0) {
    super(body.detail ?? body.title ?? `The server answered ${status}`);
    this.status = status;
    this.type = body.type ?? "";
    this.title = body.title ?? `The server answered ${status}`;
    this.detail = body.detail ?? "";
    this.errors = body.errors ?? [];
    this.request_id = body.request_id ?? null;
    this.retryAfterMs = retryAfterMs;
  }

  /** @param {string} slug */
  is(slug) {
    return this.type === `/problems/${slug}`;
  }

  /** Sending the same request again may succeed. */
  get retryable() {
    return this.status === 0 || [408, 429].includes(this.status) || this.status >= 500;
  }
}

/** @param {string} key */
export const signIn = (key) =>
  send("POST", "/v1/sessions", { headers: { Authorization: `Bearer ${key}` } });
export const signOut = () => remove("/v1/sessions/current");
export const signOutEverywhere = () => remove("/v1/sessions");
export const signInOptions = () => get("/v1/sign-in");
export const beginOidcSignIn = () => post("/v1/sign-in/oidc");
/**
 * @param {string} code
 * @param {string} state
 */
export const signInWithCode = (code, state) => post("/v1/sign-in/oidc/code", { code, state });

/** Take `#token=la_…` out of the address bar before anything else can see it. */
export function takeKeyFromAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get("token");
  if (key) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

/** @type {Set<Api.Scope>} */
let scopes = new Set();

/**
 * Whether the signed-in user has a scope; controls that would be refused are not shown.
 * @param {Api.Scope} scope
 */
export const may = (scope) => scopes.has(scope);

export async function whoAmI() {
  const me = await get("/v1/me");
  scopes = new Set(me.scopes);
  return me;
}

/**
 * @param {string} path
 * @param {Query} [query]
 */
function address(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of [value].flat()) {
      if (item !== null && item !== undefined && item !== "") parameters.append(name, String(item));
    }
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} [options]
 */
async function send(method, path, { body, query, headers = {}, keepalive = false, signal } = {}) {
  const hasBody = body !== undefined;
  let response;
  try {
    response = await fetch(address(path, query), {
      method,
      keepalive,
      signal,
      body: hasBody ? JSON.stringify(body) : undefined,
      headers: {
        ...(method === "GET" ? {} : CSRF_HEADER),
        ...headers,
        ...(hasBody ? { "Content-Type": "application/json" } : {}),
      },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw noConnection();
  }
  if (response.ok) return response;
  throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
}

const noConnection = () =>
  new Problem(0, { title: "No connection", detail: "The server cannot be reached." });

/**
 * @param {number} status
 * @param {string} text
 * @param {string | null} retryAfter
 */
function problemOf(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = { title: `The server answered ${status}` };
  }
  if (status === 401) window.dispatchEvent(new Event("signed-out"));
  return new Problem(status, body, (Number(retryAfter) || 0) * 1000);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 */
async function json(method, path, options) {
  const response = await send(method, path, options);
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw noConnection(); // lost in the middle of the answer
  }
}

/**
 * @param {string} path
 * @param {RequestOptions} [options]
 */
export const get = (path, options) => json("GET", path, options);

const PAGE_SIZE = 1000; // the most that the API returns at once

/**
 * A list as a whole: its first page, with the items of every page that follows.
 * @param {string} path
 * @param {Query} [query]
 */
export async function getAll(path, query = {}) {
  const whole = await get(path, { query: { limit: PAGE_SIZE, ...query } });
  while (whole.next_cursor) {
    const { next_cursor: cursor } = whole;
    const page = await get(path, { query: { limit: PAGE_SIZE, ...query, cursor } });
    whole.items.push(...page.items);
    whole.next_cursor = page.next_cursor;
  }
  return whole;
}

/**
 * @param {string} path
 * @param {RequestOptions} [options]
 */
export const remove = (path, options) => json("DELETE", path, options);
/**
 * @param {string} path
 * @param {unknown} [body]
 * @param {RequestOptions} [options]
 */
export const put = (path, body, options) => json("PUT", path, { ...options, body });
/**
 * @param {string} path
 * @param {unknown} [body]
 * @param {RequestOptions} [options]
 */
export const patch = (path, body, options) => json("PATCH", path, { ...options, body });
/**
 * @param {string} path
 * @param {unknown} [body]
 * @param {RequestOptions} [options]
 */
export const post = (path, body, options) => json("POST", path, { ...options, body });

/**
 * The body of an answer, for images and downloads.
 * @param {string} path
 * @param {RequestOptions} [options]
 */
export async function blob(path, options) {
  return (await send("GET", path, options)).blob();
}

/**
 * @param {string} path
 * @param {string} filename
 */
export async function save(path, filename) {
  const url = URL.createObjectURL(await blob(path));
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * Upload bytes; `onProgress` gets how many were sent. `answer` resolves to the completed request.
 * @param {string} method
 * @param {string} path
 * @param {XMLHttpRequestBodyInit} body
 * @param {UploadOptions} options
 */
export const upload = (method, path, body, { query, headers = {}, onProgress }) =>
  uploadTo(method, address(path, query), body, {
    headers: { ...CSRF_HEADER, ...headers },
    onProgress,
  });

/**
 * The same to any address, without credentials.
 * @param {string} method
 * @param {string} url
 * @param {XMLHttpRequestBodyInit} body
 * @param {UploadOptions} options
 */
export function uploadTo(method, url, body, { headers = {}, onProgress }) {
  const request = new XMLHttpRequest(); // fetch cannot tell how much it has sent
  /** @type {Promise<XMLHttpRequest>} */
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request);
      else {
        const retryAfter = request.getResponseHeader("Retry-After");
        reject(problemOf(request.status, request.responseText, retryAfter));
      }
    });
    request.addEventListener("error", () =>
      reject(
        new Problem(0, {
          title: "The upload was interrupted",
          detail: "The connection was lost. Try again.",
        }),
      ),
    );
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
  });
  request.open(method, url);
  for (const [name, value] of Object.entries(headers))
    request.setRequestHeader(name, String(value));
  request.send(body);
  return { answer, stop: () => request.abort() };
}

/**
 * The headers of an answer.
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} headers
 */
export const headersOf = async (method, path, headers) =>
  (await send(method, path, { headers })).headers;

/**
 * Stream an audit's progress until it ends; resumes after the last event when reconnected.
 * @param {string} auditId
 * @param {(event: Partial<Audit>) => void} onEvent
 * @param {AbortSignal} signal
 */
export async function follow(auditId, onEvent, signal) {
  let lastId = "";
  let delay = 500;
  while (!signal.aborted) {
    try {
      const headers = {
        Accept: "text/event-stream",
        ...(lastId ? { "Last-Event-ID": lastId } : {}),
      };
      const response = await send("GET", `/v1/audits/${auditId}/events`, { headers, signal });
      for await (const event of parseEvents(/** @type {any} */ (response.body))) {
        lastId = event.id || lastId;
        delay = 500;
        const data = JSON.parse(event.data);
        onEvent(data);
        if (["completed", "failed", "cancelled"].includes(data.status)) return;
      }
    } catch (error) {
      if (error.name === "AbortError" || (error instanceof Problem && !error.retryable)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
    delay = Math.min(delay * 2, 15_000);
  }
}

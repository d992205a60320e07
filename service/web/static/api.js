// The only place that talks to the server: documented calls under /v1. The browser proves who it is
// by a cookie that no script can read; a key is seen here once, when it is exchanged for one.

const OWN_PAGE = { "X-CSRF": "1" }; // no page of another origin can send it

export class Problem extends Error {
  /** `status` 0 means that no answer came. */
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The server answered ${status}`);
    this.status = status;
    this.type = body.type ?? "";
    this.title = body.title ?? `The server answered ${status}`;
    this.detail = body.detail ?? "";
    this.errors = body.errors ?? [];
    this.request_id = body.request_id ?? null;
  }

  is(slug) {
    return this.type === `/problems/${slug}`;
  }

  /** Sending the same again may help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const signIn = (key) =>
  send("POST", "/v1/sessions", { headers: { Authorization: `Bearer ${key}` } });
export const signOut = () => remove("/v1/sessions/current");
export const signOutEverywhere = () => remove("/v1/sessions");
export const waysToSignIn = () => get("/v1/sign-in");
export const beginElsewhere = () => post("/v1/sign-in/oidc");
export const signInWithCode = (code, state) => post("/v1/sign-in/oidc/code", { code, state });

/** Take `#token=la_…` out of the address bar before anything else can see it. */
export function takeKeyFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) history.replaceState(null, "", location.pathname + location.search);
  return given;
}

let scopes = new Set();

/** What the caller may do, as `/v1/me` says; a control that would be refused is not shown. */
export const may = (scope) => scopes.has(scope);

export async function whoAmI() {
  const me = await get("/v1/me");
  scopes = new Set(me.scopes);
  return me;
}

function address(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of [value].flat()) {
      if (item !== null && item !== undefined && item !== "") parameters.append(name, item);
    }
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

async function send(method, path, { body, query, headers = {}, keepalive = false, signal } = {}) {
  const options = {
    method,
    keepalive,
    signal,
    headers: { ...(method === "GET" ? {} : OWN_PAGE), ...headers },
  };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(address(path, query), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No connection", detail: "The server cannot be reached." });
  }
  if (response.ok) return response;
  throw await problemOf(response.status, await response.text());
}

async function problemOf(status, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = { title: `The server answered ${status}` };
  }
  if (status === 401) window.dispatchEvent(new Event("signed-out"));
  return new Problem(status, body);
}

async function json(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const get = (path, options) => json("GET", path, options);
export const remove = (path, options) => json("DELETE", path, options);
export const put = (path, body, options) => json("PUT", path, { ...options, body });
export const patch = (path, body, options) => json("PATCH", path, { ...options, body });
export const post = (path, body, options) => json("POST", path, { ...options, body });

/** The bytes behind a path; images and downloads need the header, so no element can fetch them. */
export async function blob(path, options) {
  return (await send("GET", path, options)).blob();
}

export async function save(path, filename) {
  const url = URL.createObjectURL(await blob(path));
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Send bytes; `onProgress` gets how many were sent. The answer is the request itself, once done. */
export const transfer = (method, path, body, { query, headers = {}, onProgress }) =>
  bytesTo(method, address(path, query), body, { headers: { ...OWN_PAGE, ...headers }, onProgress });

/** The same to any address, with nothing that says who is calling. */
export function bytesTo(method, url, body, { headers = {}, onProgress }) {
  const request = new XMLHttpRequest(); // fetch cannot tell how much it has sent
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", async () => {
      if (request.status < 300) resolve(request);
      else reject(await problemOf(request.status, request.responseText));
    });
    request.addEventListener("error", () =>
      reject(
        new Problem(0, {
          title: "The upload broke off",
          detail: "The connection was lost. Try again.",
        }),
      ),
    );
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
  });
  request.open(method, url);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.send(body);
  return { answer, stop: () => request.abort() };
}

/** A call whose answer is in its headers. */
export const headersOf = async (method, path, headers) =>
  (await send(method, path, { headers })).headers;

/** Follow an audit's progress until it ends; picks up behind the last event after a broken line. */
export async function follow(auditId, onEvent, signal) {
  let last = "";
  let wait = 500;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const response = await send("GET", `/v1/audits/${auditId}/events`, { headers, signal });
      for await (const event of eventsOf(response.body)) {
        last = event.id || last;
        wait = 500;
        const data = JSON.parse(event.data);
        onEvent(data);
        if (["completed", "failed", "cancelled"].includes(data.status)) return;
      }
    } catch (error) {
      if (error.name === "AbortError" || (error instanceof Problem && !error.passing)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 15_000);
  }
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value.replaceAll("\r\n", "\n");
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const event = parseEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event.data) yield event;
    }
  }
}

function parseEvent(block) {
  const event = { id: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "id") event.id = value;
    if (name === "data") event.data += value;
  }
  return event;
}

// A page for the scripts to run in: happy-dom's window, and a server that answers as a test says.

import { Window } from "happy-dom";

const window = new Window({ url: "http://localhost/" });
const NAMES = [
  "window",
  "document",
  "location",
  "history",
  "sessionStorage",
  "localStorage",
  "Event",
  "KeyboardEvent",
  "Element",
  "Node",
  "CSS",
  "matchMedia",
];
for (const name of NAMES) {
  const value = name === "window" ? window : window[name];
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

export const main = () => document.getElementById("main");

/** An empty page at an address. */
export function open(path = "/") {
  window.happyDOM.setURL(`http://localhost${path}`);
  sessionStorage.clear();
  document.body.innerHTML =
    '<header id="top"></header><main id="main"></main><div id="announcer"></div><nav id="crumbs"></nav>';
  return main();
}

/**
 * Answers every call with `answer(request)`: a body, or `{status, body, headers}`. Returns the requests,
 * each {method, path, query, body, headers}.
 */
export function serve(answer) {
  const requests = [];
  globalThis.fetch = async (url, { method, body, headers }) => {
    const [path, text] = url.split("?");
    const query = Object.fromEntries(new URLSearchParams(text));
    const request = { method, path, query, body: body && JSON.parse(body), headers };
    requests.push(request);
    const answered = (await answer(request)) ?? {};
    const {
      status,
      body: content,
      headers: fields,
    } = typeof answered.status === "number" ? answered : { body: answered };
    return new Response(JSON.stringify(content ?? {}), { status: status ?? 200, headers: fields });
  };
  return requests;
}

/** Let everything that waits for a promise go on. */
export async function settle() {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

export const press = (key) =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

/** A matrix as the API packs it. */
export function pack(rows, { dtype = "uint16", scale = 1e-4 } = {}) {
  const bytes = dtype === "uint16" ? 2 : 4;
  const view = new DataView(new ArrayBuffer(rows.length * rows[0].length * bytes));
  for (const [index, value] of rows.flat().entries()) {
    const integer = Math.round(value / scale);
    if (dtype === "uint16") view.setUint16(bytes * index, integer, true);
    else view.setInt32(bytes * index, integer, true);
  }
  const data = btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
  return { shape: [rows.length, rows[0].length], dtype, scale, data };
}

export const sample = (number, changes = {}) => ({
  sample_id: `sample-${number}`,
  rank: number,
  given_label: "cat",
  predicted_label: "dog",
  suggested_label: "dog",
  suggested_label_confidence: 0.9,
  p_wrong: 0.8,
  p_wrong_low: 0.7,
  p_wrong_high: 0.9,
  tier: "obvious",
  reason: "the models say dog",
  state: "open",
  content: { text: `text ${number}` },
  media_url: null,
  signals: {},
  top_labels: [{ label: "dog", probability: 0.9 }],
  trajectory: null,
  neighbours: null,
  corrected_label: null,
  verdict: null,
  correction_id: null,
  opinions: [],
  lease: { lease_id: `lease-${number}`, expires_in_seconds: 300 },
  ...changes,
});

export const summary = (changes = {}) => ({
  cannot_judge: [],
  audit_id: "au_1",
  issues: {},
  opinions: 1,
  review: {
    obvious: { open: 10, skipped: 0, decided: 0 },
    possible: { open: 5, skipped: 0, decided: 0 },
  },
  ...changes,
});

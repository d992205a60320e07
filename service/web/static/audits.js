// One audit in the list: its progress while it runs, links to its results afterwards.

import * as api from "./api.js";
import { announce, button, fill, find, h, problemBox } from "./dom.js";
import { ago, number, percent, timeLeft } from "./format.js";

// Each stream holds a connection, and a browser opens six per host; the other audits are polled.
const MAX_STREAMS = 3;
const POLL_MS = 4000;
const ENDED = ["completed", "failed", "cancelled"];
/** @type {Record<string, string>} */
const JOBS = {
  encode: "Encoding samples",
  train: "Training and tracking every sample",
  rank: "Ranking the suspects",
};
let streams = 0;

/**
 * @param {Audit} audit
 * @param {boolean} mayCancel
 */
export function auditRow(audit, mayCancel) {
  const element = h("article", {
    class: "audit",
    "aria-label": `Audit of ${new Date(audit.created_at).toLocaleString("en")}`,
  });
  draw(element, audit, mayCancel);
  if (!ENDED.includes(audit.status)) watch(element, audit, mayCancel);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Audit} audit
 * @param {boolean} mayCancel
 */
async function watch(element, audit, mayCancel) {
  do {
    const follow = audit.status !== "queued" && streams < MAX_STREAMS ? stream : poll;
    await follow(audit, (update) => {
      if (isOlder(update, audit)) return;
      Object.assign(audit, update);
      draw(element, audit, mayCancel);
    });
    try {
      // Events do not include the reason of a failure.
      const now = await api.get(`/v1/audits/${audit.id}`);
      if (!isOlder(now, audit)) Object.assign(audit, now);
    } catch {
      return;
    }
    draw(element, audit, mayCancel);
  } while (!ENDED.includes(audit.status) && element.isConnected);
  if (audit.status === "completed") announce("The audit is completed. Its review queue is ready.");
}

/**
 * A stream begins with the events of the past; progress that was shown never goes back.
 * @param {Partial<Audit>} update
 * @param {Audit} audit
 */
export function isOlder(update, audit) {
  if (ENDED.includes(update.status ?? "")) return false;
  if (update.status === "queued" && audit.status === "running") return true;
  return (update.progress ?? 0) < audit.progress;
}

/**
 * @param {Audit} audit
 * @param {(event: Partial<Audit>) => void} update
 */
async function stream(audit, update) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  window.addEventListener("pagehide", abort);
  streams += 1;
  await api.follow(audit.id, update, stop.signal);
  streams -= 1;
  window.removeEventListener("pagehide", abort);
}

/**
 * Of a waiting audit, whose place in the queue no event tells, and where there are too many streams.
 * @param {Audit} audit
 * @param {(event: Partial<Audit>) => void} update
 */
async function poll(audit, update) {
  const waits = audit.status === "queued";
  while (!ENDED.includes(audit.status) && waits === (audit.status === "queued")) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    try {
      update(await api.get(`/v1/audits/${audit.id}`));
    } catch (error) {
      if (!error.retryable) return;
    }
  }
}

/**
 * @param {HTMLElement} element
 * @param {Audit} audit
 * @param {boolean} mayCancel
 */
function draw(element, audit, mayCancel) {
  element.className = `audit ${audit.status}`;
  if (ENDED.includes(audit.status)) return fill(element, ended(audit));
  if (!element.querySelector("progress")) {
    const cancel = async () => {
      try {
        Object.assign(audit, await api.post(`/v1/audits/${audit.id}/cancel`));
        draw(element, audit, mayCancel);
      } catch (error) {
        element.append(problemBox(error));
      }
    };
    fill(
      element,
      h(
        "div",
        { class: "audit-line" },
        h("span", { class: "job" }),
        h("span", { class: "quiet eta" }),
        mayCancel ? button("Cancel", cancel, { class: "link-button" }) : null,
      ),
      h("progress", { max: "1", "aria-label": "Progress of the audit" }),
    );
  }
  const waiting = audit.status === "queued";
  const place = audit.queue_position ? `, number ${number(audit.queue_position)} in the queue` : "";
  const job = waiting ? `Waiting for a worker${place}` : (JOBS[audit.job ?? ""] ?? "Running");
  const eta = [percent(audit.progress), timeLeft(audit.eta_seconds)].filter(Boolean).join(" · ");
  find(element, ".job").textContent = job;
  find(element, ".eta").textContent = waiting ? "" : eta;
  find(element, "progress").value = audit.progress;
}

/** @param {Audit} audit */
function ended(audit) {
  const when = ago(audit.finished_at ?? audit.created_at);
  const version = audit.dataset_version ? ` of version ${audit.dataset_version}` : "";
  if (audit.status === "completed") {
    return h(
      "div",
      { class: "audit-line" },
      h(
        "span",
        {},
        h("span", { class: "dot done", "aria-hidden": "true" }),
        `Audit${version} completed `,
        h("span", { class: "quiet" }, when),
      ),
      h(
        "span",
        { class: "row" },
        h("a", { class: "button", href: `/audits/${audit.id}/overview` }, "Overview"),
        h("a", { class: "button primary", href: `/audits/${audit.id}` }, "Review"),
      ),
    );
  }
  if (audit.status === "cancelled") {
    return h("p", { class: "quiet" }, `Audit${version} cancelled ${when}`);
  }
  return h(
    "details",
    { class: "failure" },
    h("summary", {}, `Audit${version} failed ${when}`),
    problemBox(audit.problem ?? {}),
  );
}

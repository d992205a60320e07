// One audit as a line: its progress while it runs, the way to its results afterwards.

import * as api from "./api.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { ago, percent, timeLeft } from "./format.js";

// Every stream holds a connection and a browser opens six to one host; the rest are asked now and then.
const MOST_STREAMS = 3;
const POLL_MS = 4000;
const ENDED = ["completed", "failed", "cancelled"];
const JOBS = {
  encode: "Turning samples into vectors",
  train: "Training and watching every sample",
  rank: "Ranking the suspects",
};
let streams = 0;

export function auditRow(audit, mayCancel) {
  const element = h("article", {
    class: "audit",
    "aria-label": `Audit of ${new Date(audit.created_at).toLocaleString("en")}`,
  });
  draw(element, audit, mayCancel);
  if (!ENDED.includes(audit.status)) watch(element, audit, mayCancel);
  return element;
}

async function watch(element, audit, mayCancel) {
  do {
    const follow = streams < MOST_STREAMS ? stream : poll;
    await follow(element, audit, (news) => {
      Object.assign(audit, news);
      draw(element, audit, mayCancel);
    });
    try {
      // The whole of it: events say nothing of why an audit failed.
      Object.assign(audit, await api.get(`/v1/audits/${audit.id}`));
    } catch {
      return;
    }
    draw(element, audit, mayCancel);
  } while (!ENDED.includes(audit.status) && element.isConnected);
  if (audit.status === "completed") announce("The audit is completed. Its queue is ready.");
}

async function stream(element, audit, update) {
  const stop = new AbortController();
  const left = () => stop.abort();
  window.addEventListener("pagehide", left);
  streams += 1;
  await api.follow(audit.id, update, stop.signal);
  streams -= 1;
  window.removeEventListener("pagehide", left);
}

async function poll(element, audit, update) {
  while (!ENDED.includes(audit.status)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    try {
      update(await api.get(`/v1/audits/${audit.id}`));
    } catch (error) {
      if (!error.passing) return;
    }
  }
}

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
  element.querySelector(".job").textContent = waiting
    ? "Waiting for a worker"
    : (JOBS[audit.job] ?? "Running");
  element.querySelector(".eta").textContent = waiting
    ? ""
    : [percent(audit.progress ?? 0), timeLeft(audit.eta_seconds)].filter(Boolean).join(" · ");
  element.querySelector("progress").value = audit.progress ?? 0;
}

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

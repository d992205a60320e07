// An audit without a result yet: it waits, it runs, or it ended without one. Redrawn while that changes.

import * as api from "./api.js";
import { announce, fill, h, problemBox } from "./dom.js";
import { number, percent, timeLeft } from "./format.js";

const POLL_MS = 3000;
/** @type {Record<string, string>} */
const ENDED = { cancelled: "This audit was cancelled", failed: "This audit failed" };

/**
 * Show the state of an audit that is not completed; the page is loaded again once it is.
 * @param {HTMLElement} main
 * @param {HTMLElement} head
 * @param {Audit} audit
 */
export async function showUnfinished(main, head, audit) {
  const body = h("div", { class: "unfinished" });
  fill(main, head, body);
  let said = "";
  for (let now = audit; ; ) {
    const view = unfinishedAuditView(now);
    fill(body, view);
    const title = view.querySelector(".blank-title")?.textContent ?? "";
    if (title !== said) announce(title);
    said = title;
    if (!["queued", "running"].includes(now.status)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!body.isConnected) return;
    try {
      now = await api.get(`/v1/audits/${audit.id}`);
    } catch (problem) {
      if (!problem.retryable) return void fill(body, narrow(problem));
    }
    if (now.status === "completed") return location.reload();
  }
}

/** @param {any} problem */
const narrow = (problem) => h("div", { class: "narrow" }, problemBox(problem));

/** @param {Audit} audit */
export function unfinishedAuditView(audit) {
  if (audit.problem) return narrow(audit.problem);
  const title = ENDED[audit.status];
  const waits = audit.status === "queued";
  return h(
    "div",
    { class: "blank" },
    h(
      "p",
      { class: "blank-title" },
      title ?? (waits ? "This audit is waiting to start" : "This audit is still running"),
    ),
    title ? null : waits ? h("p", {}, placeInQueue(audit.queue_position)) : progress(audit),
    title
      ? h("p", { class: "quiet" }, "It has no ranking. Start another audit of this dataset.")
      : h(
          "p",
          { class: "quiet" },
          waits ? "It starts as soon as a worker is free. " : "",
          "The queue opens here as soon as the samples are ranked.",
        ),
    h("a", { class: "button", href: "/" }, "Back to the datasets"),
  );
}

/** @param {number | null | undefined} place */
export function placeInQueue(place) {
  if (!place) return "";
  return place === 1 ? "It is next in the queue." : `It is number ${number(place)} in the queue.`;
}

/** @param {Audit} audit */
function progress({ progress: share, eta_seconds: seconds }) {
  if (share === undefined) return null;
  return h(
    "div",
    { class: "unfinished-progress" },
    h("progress", { max: "1", value: share, "aria-label": "Progress of the audit" }),
    h(
      "p",
      { class: "quiet small" },
      [percent(share), timeLeft(seconds)].filter(Boolean).join(" · "),
    ),
  );
}

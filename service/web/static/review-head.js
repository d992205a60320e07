// The head of an audit's views: the tabs, and the filters of the queue.

import { byId, fill, h } from "./dom.js";
import { number, shorten } from "./format.js";
import { countedIssues, isIssue } from "./issues.js";
import { queueAddress } from "./queue-address.js";

/** @type {Record<string, [string, Filter]>} */
const QUEUES = {
  "": ["Obvious and possible", {}],
  obvious: ["Obvious only", { tier: ["obvious"] }],
  possible: ["Possible only", { tier: ["possible"] }],
  none: ["Not suspected", { tier: ["none"] }],
  all: ["All samples", { tier: ["obvious", "possible", "none"] }],
  skipped: ["Skipped", { state: "skipped" }],
  disputed: ["Disputed", { purpose: "adjudicate" }],
};
const ALL = QUEUES.all[1];

const VIEWS = { review: "Review", grid: "Grid", overview: "Overview", team: "Team" };

/**
 * @param {Dataset} dataset
 * @param {string} auditId
 * @param {keyof typeof VIEWS} view
 * @param {...Child} actions
 */
export function reviewHead(dataset, auditId, view, ...actions) {
  fill(
    byId("crumbs"),
    h("a", { href: "/" }, "Datasets"),
    h("span", { "aria-hidden": "true" }, "/"),
    h("span", { class: "here" }, shorten(dataset.name, 48)),
  );
  /**
   * @param {string} name
   * @param {string} title
   * @param {string} href
   */
  const tab = (name, title, href) =>
    h("a", { href, class: "tab", "aria-current": view === name ? "page" : null }, title);
  return h(
    "div",
    { class: "view-head" },
    h("h1", { class: "visually-hidden" }, `${VIEWS[view]} of ${dataset.name}`),
    h(
      "nav",
      { class: "tabs", "aria-label": "Views of this audit" },
      tab("review", "Review", `/audits/${auditId}`),
      tab("grid", "Grid", `/audits/${auditId}/grid`),
      tab("overview", "Overview", `/audits/${auditId}/overview`),
      tab("team", "Team", `/audits/${auditId}/team`),
    ),
    h("div", { class: "row" }, actions),
  );
}

/** The filter of `POST …/queue/next`, from the address: ?queue=&given_label=&predicted_label= */
export function filterFromAddress() {
  const query = new URLSearchParams(location.search);
  const queue = query.get("queue") ?? "";
  /** @type {Filter} */
  const filter = isIssue(queue)
    ? { ...ALL, issue: queue }
    : { ...(QUEUES[queue] ?? QUEUES[""])[1] };
  filter.given_label = query.get("given_label") ?? undefined;
  filter.predicted_label = query.get("predicted_label") ?? undefined;
  return filter;
}

/**
 * `summary`: the answer of GET …/summary, which counts the issues.
 * @param {Filter} filter
 * @param {Summary} summary
 */
export function filterBar(filter, summary) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  /** @param {Record<string, string>} changes */
  const navigate = (changes) => {
    location.search = queueAddress("", { ...query, ...changes }).split("?")[1] ?? "";
  };
  const select = h(
    "select",
    { id: "queue", on: { change: () => navigate({ queue: select.value }) } },
    Object.entries(QUEUES).map(([name, [title]]) => h("option", { value: name }, title)),
    issueQueues(summary),
  );
  select.value = filter.issue ?? (query.queue in QUEUES ? query.queue : "");
  /**
   * @param {"given_label" | "predicted_label"} name
   * @param {string} title
   */
  const chip = (name, title) =>
    filter[name] === undefined
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "filter-chip",
            "aria-label": `Remove the filter: ${title} ${filter[name]}`,
            on: { click: () => navigate({ [name]: "" }) },
          },
          h("span", { class: "quiet" }, `${title} `),
          filter[name],
          h("span", { "aria-hidden": "true" }, " ×"),
        );
  return h(
    "div",
    { class: "filters" },
    h("label", { for: "queue", class: "visually-hidden" }, "Queue"),
    select,
    chip("given_label", "given"),
    chip("predicted_label", "predicted"),
  );
}

/** @param {Summary} summary */
function issueQueues(summary) {
  const options = countedIssues(summary).map(([name, title, count]) =>
    h("option", { value: name }, `${title} (${number(count)})`),
  );
  return options.length ? h("optgroup", { label: "Other possible problems" }, options) : null;
}

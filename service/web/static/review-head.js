// The head of an audit's views: the tabs, and the filters of the queue.

import { button, byId, fill, h } from "./dom.js";
import { number, percent, shorten } from "./format.js";
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

/**
 * The filter of `POST …/queue/next`, from the address:
 * ?queue=&given_label=&predicted_label=&p_wrong_from=&p_wrong_to=&search=&similar_to=
 */
export function filterFromAddress() {
  const query = new URLSearchParams(location.search);
  const queue = query.get("queue") ?? "";
  /** @type {Filter} */
  const filter = isIssue(queue)
    ? { ...ALL, issue: queue }
    : { ...(QUEUES[queue] ?? QUEUES[""])[1] };
  filter.given_label = query.get("given_label") ?? undefined;
  filter.predicted_label = query.get("predicted_label") ?? undefined;
  filter.p_wrong_from = shareOf(query.get("p_wrong_from"));
  filter.p_wrong_to = shareOf(query.get("p_wrong_to"));
  filter.search = query.get("search")?.trim() || undefined;
  filter.similar_to = query.get("similar_to") ?? undefined;
  return filter;
}

/** @param {string | null} text */
function shareOf(text) {
  const share = Number.parseFloat(text ?? "");
  return share >= 0 && share <= 1 ? share : undefined;
}

/** @param {Filter} filter */
export const isFiltered = (filter) =>
  [
    filter.given_label,
    filter.predicted_label,
    filter.issue,
    filter.p_wrong_from,
    filter.p_wrong_to,
    filter.search,
    filter.similar_to,
  ].some((value) => value !== undefined);

/**
 * The dialog that changes the filter, and with it the address.
 * @param {Filter} filter
 * @param {Summary} summary
 */
export async function openFilterDialog(filter, summary) {
  const { openFilter } = await import("./filter.js");
  openFilter(filter, summary, navigate);
}

/** @param {Record<string, string>} changes */
function navigate(changes) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  delete query.sample; // one sample says nothing about a filter
  location.search = queueAddress("", { ...query, ...changes }).split("?")[1] ?? "";
}

/**
 * `summary`: the answer of GET …/summary, which counts the issues.
 * @param {Filter} filter
 * @param {Summary} summary
 */
export function filterBar(filter, summary) {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const select = h(
    "select",
    { id: "queue", on: { change: () => navigate({ queue: select.value }) } },
    Object.entries(QUEUES).map(([name, [title]]) => h("option", { value: name }, title)),
    issueQueues(summary),
  );
  select.value = filter.issue ?? (query.queue in QUEUES ? query.queue : "");
  return h(
    "div",
    { class: "filters" },
    h("label", { for: "queue", class: "visually-hidden" }, "Queue"),
    select,
    button("Filter (f)", () => openFilterDialog(filter, summary), { class: "link-button" }),
    chip("given", filter.given_label, { given_label: "" }),
    chip("predicted", filter.predicted_label, { predicted_label: "" }),
    chip("probably wrong", scoreRange(filter), { p_wrong_from: "", p_wrong_to: "" }),
    chip("contains", filter.search, { search: "" }),
    chip("similar to", filter.similar_to, { similar_to: "" }),
    isFiltered(filter) ? matches(filter, summary) : null,
  );
}

/**
 * @param {string} title
 * @param {string | undefined} value
 * @param {Record<string, string>} without
 */
function chip(title, value, without) {
  if (value === undefined) return null;
  return h(
    "button",
    {
      type: "button",
      class: "filter-chip",
      "aria-label": `Remove the filter: ${title} ${value}`,
      on: { click: () => navigate(without) },
    },
    h("span", { class: "quiet" }, `${title} `),
    value,
    h("span", { "aria-hidden": "true" }, " ×"),
  );
}

/** @param {Filter} filter */
function scoreRange({ p_wrong_from: from, p_wrong_to: to }) {
  if (from === undefined && to === undefined) return undefined;
  if (to === undefined) return `from ${percent(from)}`;
  return from === undefined ? `up to ${percent(to)}` : `${percent(from)} – ${percent(to)}`;
}

/**
 * How many samples the filter leaves.
 * @param {Filter} filter
 * @param {Summary} summary
 */
function matches(filter, { audit_id: auditId }) {
  const element = h("span", { class: "quiet small", id: "matches" });
  import("./filter.js").then(({ showCount }) => showCount(element, auditId, filter));
  return element;
}

/** @param {Summary} summary */
function issueQueues(summary) {
  const options = countedIssues(summary).map(([name, title, count]) =>
    h("option", { value: name }, `${title} (${number(count)})`),
  );
  return options.length ? h("optgroup", { label: "Other possible problems" }, options) : null;
}

/**
 * A reminder above every sample of an audit that cannot judge some of them.
 * @param {Summary} summary
 * @param {string} auditId
 */
export function limits({ cannot_judge: cannot }, auditId) {
  if (!cannot.length) return null;
  return h(
    "p",
    { class: "limits" },
    h("strong", {}, "This audit cannot judge everything: "),
    cannot[0],
    cannot.length > 1 ? ` (and ${number(cannot.length - 1)} more)` : "",
    ". ",
    h("a", { href: `/audits/${auditId}/overview` }, "See its limits"),
  );
}

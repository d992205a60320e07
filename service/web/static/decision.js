// The panels beside the sample: the evidence, and one button for each verdict.

import { trajectoryChart } from "./chart.js";
import { breakable, button, h } from "./dom.js";
import { percent } from "./format.js";
import { issueTitle } from "./issues.js";
import { neighbourStrip } from "./neighbours.js";
import { queueAddress } from "./queue-address.js";
import { commentList, currentVerdict, noteField, opinionList } from "./remarks.js";
import { decisionOn } from "./review-session.js";
import { signalList } from "./signals.js";
import { votesBlock } from "./votes.js";

const KEYS = [..."1234567890"];
/** @type {Record<string, string>} */
const ROLES = { keep: "given", accept_suggestion: "suggested" };
/** @type {Record<string, string>} */
const ACTS = { keep: "Keep", accept_suggestion: "Accept the suggestion", relabel: "Relabel as" };
/**
 * The classes to choose from, each with a key. Up to ten classes keep the order of the dataset, so
 * that a class has the same key at every sample. Of more, the likeliest are offered. The given label
 * and the suggestion are always among them.
 * @param {Suspect} item
 * @param {string[]} classNames
 * @returns {Choice[]}
 */
export function choicesOf(item, classNames) {
  const probability = new Map(item.top_labels.map((top) => [top.label, top.probability]));
  const labels = classNames.length <= KEYS.length ? classNames : likeliest(item, probability);
  return labels.map((label, index) => ({
    key: KEYS[index],
    label,
    verdict: decisionOn(item, "relabel", label).verdict,
    probability: probability.get(label),
  }));
}

/**
 * @param {Suspect} item
 * @param {Map<string, number>} probability
 */
function likeliest({ given_label: given, suggested_label: suggested }, probability) {
  const named = suggested === null ? [given] : [suggested, given];
  const others = [...probability.keys()].filter((label) => !named.includes(label));
  /** @param {string} label */
  const share = (label) => probability.get(label) ?? 0;
  return [...named, ...others]
    .slice(0, KEYS.length)
    .sort((one, other) => share(other) - share(one));
}

/**
 * @param {Suspect} item
 * @param {Choice[]} choices
 * @param {Act} act
 */
export function decisionPanel(item, choices, act) {
  const given = item.top_labels.find((top) => top.label === item.given_label);
  const keptShare = given?.probability ?? null;
  return h(
    "section",
    { class: "decision", "aria-label": "Decision" },
    h(
      "dl",
      { class: "versus" },
      h(
        "div",
        {},
        h("dt", {}, "Given label"),
        h("dd", { class: "given", dir: "auto" }, breakable(item.given_label)),
      ),
      h(
        "div",
        {},
        h("dt", {}, item.suggested_label === null ? "Predicted label" : "Suggested label"),
        h(
          "dd",
          { class: "suggested", dir: "auto" },
          breakable(item.suggested_label ?? item.predicted_label),
        ),
      ),
    ),
    h(
      "ol",
      { class: "choices", "aria-label": "Classes" },
      choices.map((choice) => h("li", {}, choiceButton(choice, act))),
    ),
    h(
      "div",
      { class: "verdicts" },
      verdict(
        "Accept",
        "a",
        item.suggested_label ?? "the suggestion (there is none)",
        () => act("accept_suggestion", item.suggested_label),
        item.suggested_label === null,
      ),
      verdict(
        "Keep",
        "k",
        `${item.given_label}${keptShare === null ? "" : `, ${percent(keptShare)}`}`,
        () => act("keep", item.given_label),
      ),
      verdict("Search", "/", "all classes", () => act("search")),
      verdict("Exclude", "x", "this sample from the dataset", () => act("exclude", null)),
      verdict("Skip", "s", "and decide later", () => act("skip", null)),
      verdict("Undo", "u", "the last decision", () => act("undo")),
    ),
    noteField(item),
  );
}

/**
 * @param {Choice} options
 * @param {Act} act
 */
function choiceButton({ key, verdict: kind, label, probability }, act) {
  const role = ROLES[kind];
  return h(
    "button",
    {
      type: "button",
      class: role ? `choice ${role}` : "choice",
      "data-key": key,
      "aria-keyshortcuts": key,
      vars: { share: probability ?? 0 },
      on: { click: () => act(kind, label) },
    },
    h("kbd", { "aria-hidden": "true" }, key),
    h("span", { class: "visually-hidden" }, `${ACTS[kind]} `),
    h("span", { class: "choice-label", dir: "auto" }, breakable(label)),
    role ? h("span", { class: "choice-role", "aria-hidden": "true" }, role) : null,
    h("span", { class: "choice-share" }, probability === undefined ? "" : percent(probability)),
  );
}

/**
 * @param {string} text
 * @param {string} key
 * @param {string} detail
 * @param {() => unknown} onClick
 */
function verdict(text, key, detail, onClick, disabled = false) {
  return h(
    "button",
    {
      type: "button",
      class: text === "Accept" ? "verdict accept" : "verdict",
      "data-key": key,
      title: `${text} ${detail}`,
      "aria-keyshortcuts": key,
      disabled,
      on: { click: onClick },
    },
    h("kbd", { "aria-hidden": "true" }, key),
    h("span", {}, text, h("span", { class: "visually-hidden" }, ` ${detail}`)),
  );
}

/**
 * @param {string} auditId
 * @param {Suspect} item
 * @param {string[]} classNames
 * @param {{ similar: () => unknown, typical: () => unknown }} on what its buttons do
 */
export function evidencePanel(auditId, item, classNames, { similar, typical }) {
  return h(
    "section",
    { class: "evidence", "aria-label": "Evidence" },
    h(
      "div",
      { class: "evidence-head" },
      h("span", { class: `chip ${item.tier}` }, item.tier === "none" ? "not suspected" : item.tier),
      h("span", { class: "quiet" }, `rank ${item.rank.toLocaleString("en")}`),
      (item.issues ?? []).map((issue) => h("span", { class: "chip none" }, issueTitle(issue))),
      item.verdict ? h("span", { class: "current-verdict" }, currentVerdict(item)) : null,
    ),
    opinionList(item.opinions),
    commentList(item.comments),
    votesBlock(item),
    pWrong(item),
    item.reason ? h("p", { class: "reason", dir: "auto" }, breakable(sentence(item.reason))) : null,
    button("Typical examples (t)", typical, { class: "link-button", "aria-keyshortcuts": "t" }),
    trajectoryChart(item.trajectory, item),
    neighbourStrip(auditId, item, similar),
    duplicates(auditId, item.duplicates),
    signalList(item.signals, classNames),
    h("p", { class: "quiet small sample-id", dir: "auto" }, item.content.file ?? item.sample_id),
  );
}

/**
 * Near duplicates, each a link to that sample, with their labels.
 * @param {string} auditId
 * @param {Array<Record<string, string>> | undefined} others
 */
function duplicates(auditId, others) {
  if (!others?.length) return null;
  return h(
    "section",
    { class: "duplicates" },
    h("h3", {}, "Near duplicates"),
    h(
      "ul",
      {},
      others.map((other) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: queueAddress(auditId, { sample: other.sample_id }), dir: "auto" },
            breakable(other.sample_id),
          ),
          h("span", { class: "quiet" }, " given "),
          h("span", { dir: "auto" }, breakable(other.given_label)),
        ),
      ),
    ),
  );
}

/** @param {Suspect} options */
function pWrong({ p_wrong: p, p_wrong_low: low, p_wrong_high: high }) {
  const around = `${percent(low)} – ${percent(high)} at nearby ranks`;
  const description =
    `Probably wrong: ${percent(p)}. ` +
    `Between ${percent(low)} and ${percent(high)} of the labels at nearby ranks are wrong.`;
  return h(
    "div",
    { class: "p-wrong" },
    h(
      "p",
      { "aria-label": description },
      "Probably wrong: ",
      h("strong", {}, percent(p)),
      " ",
      h("span", { class: "quiet band-range" }, around),
    ),
    h(
      "div",
      { class: "band", "aria-hidden": "true", vars: { low, high, p } },
      h("i", { class: "span" }),
      h("i", { class: "point" }),
    ),
  );
}

/** @param {string} text */
const sentence = (text) =>
  `${text[0].toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;

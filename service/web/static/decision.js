// The panels beside the sample: the evidence, and one button for each verdict.

import { trajectoryChart } from "./chart.js";
import { breakable, h } from "./dom.js";
import { ago, percent } from "./format.js";
import { issueTitle } from "./issues.js";
import { neighbourStrip } from "./neighbours.js";
import { queueAddress } from "./queue-address.js";
import { votesBlock } from "./votes.js";

const CHOICE_KEYS = 9;
const FEW_CLASSES = 10;
/** @type {Record<string, string>} */
const OUTCOMES = { keep: "kept", exclude: "excluded", skip: "skipped" };
const CLASS_SIGNALS = new Set(["majority_class", "neighbours_class"]);

/**
 * The choices of the keys 1 to 9: the suggestion first, then the other classes by probability.
 * @param {Suspect} item
 * @param {string[]} classNames
 * @returns {Array<Choice | null>}
 */
export function choicesOf(item, classNames) {
  const probability = new Map(item.top_labels.map((top) => [top.label, top.probability]));
  const others = item.top_labels.map((top) => top.label);
  // With few classes each gets a key; with many, only those that the models consider.
  if (classNames.length <= FEW_CLASSES)
    others.push(...classNames.filter((name) => !probability.has(name)));
  /** @type {Choice[]} */
  const choices = others
    .filter((label) => label !== item.given_label && label !== item.suggested_label)
    .map((label) => ({ verdict: "relabel", label, probability: probability.get(label) }));
  /** @type {Choice | null} */
  const first =
    item.suggested_label === null
      ? null
      : {
          verdict: "accept_suggestion",
          label: item.suggested_label,
          probability: item.suggested_label_confidence,
        };
  return [first, ...choices].slice(0, CHOICE_KEYS);
}

/**
 * @param {Suspect} item
 * @param {Array<Choice | null>} choices
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
      { class: "choices", "aria-label": "Classes, most likely first" },
      choices.map((choice, index) =>
        choice ? h("li", {}, choiceButton(choice, index, act)) : null,
      ),
    ),
    h(
      "div",
      { class: "verdicts" },
      item.suggested_label === null
        ? null
        : verdict("Accept", "1", item.suggested_label, () =>
            act("accept_suggestion", item.suggested_label),
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
  );
}

/**
 * @param {Choice} options
 * @param {number} index
 * @param {Act} act
 */
function choiceButton({ verdict: kind, label, probability }, index, act) {
  const suggestion = kind === "accept_suggestion";
  return h(
    "button",
    {
      type: "button",
      class: suggestion ? "choice suggestion" : "choice",
      "data-key": String(index + 1),
      "aria-keyshortcuts": String(index + 1),
      vars: { share: probability ?? 0 },
      on: { click: () => act(kind, label) },
    },
    h("kbd", { "aria-hidden": "true" }, String(index + 1)),
    h("span", { class: "visually-hidden" }, suggestion ? "Accept the suggestion " : "Relabel as "),
    h("span", { class: "choice-label", dir: "auto" }, breakable(label)),
    h("span", { class: "choice-share" }, probability === undefined ? "" : percent(probability)),
  );
}

/**
 * @param {string} text
 * @param {string} key
 * @param {string} detail
 * @param {() => unknown} onClick
 */
function verdict(text, key, detail, onClick) {
  return h(
    "button",
    {
      type: "button",
      class: text === "Accept" ? "verdict accept" : "verdict",
      "data-key": key,
      title: `${text} ${detail}`,
      "aria-keyshortcuts": key,
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
 */
export function evidencePanel(auditId, item, classNames) {
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
    votesBlock(item),
    pWrong(item),
    item.reason ? h("p", { class: "reason", dir: "auto" }, breakable(sentence(item.reason))) : null,
    trajectoryChart(item.trajectory, item),
    neighbourStrip(auditId, item),
    duplicates(auditId, item.duplicates),
    signals(item, classNames),
    h("p", { class: "quiet small sample-id", dir: "auto" }, item.content.file ?? item.sample_id),
  );
}

/**
 * Each reviewer's opinion, for the adjudicator.
 * @param {Api.OpinionRead[]} opinions
 */
function opinionList(opinions) {
  if (!opinions?.length) return null;
  return h(
    "ul",
    { class: "events opinions", "aria-label": "Opinions" },
    opinions.map((opinion) =>
      h(
        "li",
        { class: "event" },
        h("strong", { dir: "auto" }, opinion.annotator),
        h("span", { dir: "auto" }, currentVerdict(opinion)),
        h("span", { class: "quiet small" }, ago(opinion.created_at)),
        opinion.note ? h("q", { dir: "auto" }, opinion.note) : null,
      ),
    ),
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

/** @param {{ verdict: Api.Verdict | null, corrected_label: string | null }} options */
const currentVerdict = ({ verdict, corrected_label: label }) =>
  OUTCOMES[verdict ?? ""] ?? `changed to ${label}`;

/** @param {Suspect} options */
function pWrong({ p_wrong: p, p_wrong_low: low, p_wrong_high: high }) {
  const description = `Probably wrong: ${percent(p)}, between ${percent(low)} and ${percent(high)}`;
  return h(
    "div",
    { class: "p-wrong" },
    h(
      "p",
      { "aria-label": description },
      "Probably wrong: ",
      h("strong", {}, percent(p)),
      " ",
      h("span", { class: "quiet band-range" }, `${percent(low)} – ${percent(high)}`),
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

/**
 * @param {Suspect} item
 * @param {string[]} classNames
 */
function signals(item, classNames) {
  const known = Object.entries(item.signals ?? {}).filter(([, value]) => value !== null);
  if (!known.length) return null;
  /**
   * @param {string} name
   * @param {number} value
   */
  const shown = (name, value) =>
    CLASS_SIGNALS.has(name) ? (classNames[value] ?? value) : Number(value.toPrecision(3));
  return h(
    "details",
    { class: "signals" },
    h("summary", {}, "All signals"),
    h(
      "dl",
      {},
      known.map(([name, value]) =>
        h(
          "div",
          {},
          h("dt", {}, name.replaceAll("_", " ")),
          h("dd", {}, String(shown(name, /** @type {number} */ (value)))),
        ),
      ),
    ),
  );
}

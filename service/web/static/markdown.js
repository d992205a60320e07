// Markdown as elements: headings, lists, quotes, code, emphasis and links to web pages. There is no
// HTML in it: whatever else stands in the text is shown as text.

import { h } from "./dom.js";

const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^\s*([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^>\s?(.*)$/;
const FENCE = /^```/;
const INLINE =
  /`([^`]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*)\*|\b_([^_\s][^_]*)_\b|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/;

/**
 * @typedef {{ level: number, title: string, body: string[] }} Section
 */

/**
 * The text cut at its headings; the first section has none.
 * @param {string} text
 * @returns {Section[]}
 */
export function sections(text) {
  /** @type {Section[]} */
  const found = [{ level: 0, title: "", body: [] }];
  let fenced = false;
  for (const line of text.split(/\r?\n/)) {
    if (FENCE.test(line)) fenced = !fenced;
    const heading = fenced ? null : HEADING.exec(line);
    if (heading) found.push({ level: heading[1].length, title: heading[2], body: [] });
    else found[found.length - 1].body.push(line);
  }
  return found.filter(({ title, body }) => title || body.some((line) => line.trim()));
}

/**
 * @param {Section} section
 * @returns {HTMLElement[]}
 */
export function sectionView({ level, title, body }) {
  const heading = level <= 1 ? h("h3", {}, inline(title)) : h("h4", {}, inline(title));
  return [...(title ? [heading] : []), ...blocks(body)];
}

/** @param {string} text */
export const markdown = (text) =>
  h("div", { class: "markdown", dir: "auto" }, sections(text).map(sectionView));

/**
 * @param {string[]} lines
 * @returns {HTMLElement[]}
 */
function blocks(lines) {
  /** @type {HTMLElement[]} */
  const found = [];
  for (let at = 0; at < lines.length; ) {
    const begin = at;
    if (FENCE.test(lines[at])) {
      at += 1;
      while (at < lines.length && !FENCE.test(lines[at])) at += 1;
      found.push(h("pre", {}, h("code", {}, lines.slice(begin + 1, at).join("\n"))));
      at += 1;
    } else if (!lines[at].trim()) at += 1;
    else {
      const kind = kindOf(lines[at]);
      while (at < lines.length && lines[at].trim() && kindOf(lines[at]) === kind) at += 1;
      found.push(block(kind, lines.slice(begin, at)));
    }
  }
  return found;
}

/** @param {string} line */
function kindOf(line) {
  if (FENCE.test(line)) return "code";
  if (QUOTE.test(line)) return "quote";
  const item = ITEM.exec(line);
  if (!item) return "text";
  return /\d/.test(item[1]) ? "ol" : "ul";
}

/**
 * @param {string} kind
 * @param {string[]} lines
 */
function block(kind, lines) {
  if (kind === "quote") {
    return h("blockquote", {}, inline(lines.map((line) => QUOTE.exec(line)?.[1] ?? "").join(" ")));
  }
  if (kind === "text") return h("p", {}, inline(lines.join(" ")));
  const items = lines.map((line) => h("li", {}, inline(ITEM.exec(line)?.[2] ?? line)));
  return kind === "ol" ? h("ol", {}, items) : h("ul", {}, items);
}

/**
 * @param {string} text
 * @returns {Child[]}
 */
function inline(text) {
  const found = INLINE.exec(text);
  if (!found) return text ? [text] : [];
  const [whole, code, strong, alsoStrong, em, alsoEm, label, url] = found;
  return [
    text.slice(0, found.index),
    code ? h("code", {}, code) : null,
    (strong ?? alsoStrong) ? h("strong", {}, inline(strong ?? alsoStrong)) : null,
    (em ?? alsoEm) ? h("em", {}, inline(em ?? alsoEm)) : null,
    url ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label) : null,
    ...inline(text.slice(found.index + whole.length)),
  ];
}

// Chooses one of thousands of classes by a part of its name.

import { fill, h, modal } from "./dom.js";
import { number, percent } from "./format.js";

const MAX_SHOWN = 50;

/**
 * Names that contain every word of the query; those that begin with it first, then by probability.
 * @param {string} query
 * @param {string[]} names
 * @param {Map<string, number>} probability
 */
export function findClasses(query, names, probability) {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  /** @type {Array<{ name: string, start: number, index: number, probability: number }>} */
  const found = [];
  names.forEach((name, index) => {
    const text = name.toLocaleLowerCase();
    if (!words.every((word) => text.includes(word))) return;
    const start =
      words.length && text.startsWith(words[0])
        ? 0
        : words.length && new RegExp(`(^|[\\s_/.-])${escapePattern(words[0])}`, "u").test(text)
          ? 1
          : 2;
    found.push({ name, start, index, probability: probability.get(name) ?? 0 });
  });
  found.sort((a, b) => a.start - b.start || b.probability - a.probability || a.index - b.index);
  return found.map((match) => match.name);
}

/** @param {string} text */
const escapePattern = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

/**
 * @param {string[]} names
 * @param {Suspect} item
 * @param {(name: string) => void} onChoose
 */
export function openClassSearch(names, item, onChoose) {
  const probability = new Map(item.top_labels.map((top) => [top.label, top.probability]));
  const list = h("ul", { id: "found", class: "found", role: "listbox", "aria-label": "Classes" });
  const count = h("p", { class: "quiet small", role: "status" });
  const input = h("input", {
    class: "search-input",
    type: "search",
    role: "combobox",
    "aria-label": "Class",
    "aria-expanded": "true",
    "aria-controls": "found",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    autofocus: true,
    placeholder: "Type part of the name",
  });
  /** @type {string[]} */
  let matches = [];
  let active = 0;
  /** @param {string} name */
  const choose = (name) => {
    dialog.close();
    onChoose(name);
  };
  const highlight = () => {
    for (const [index, option] of [...list.children].entries()) {
      option.setAttribute("aria-selected", String(index === active));
    }
    const option = list.children[active];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };
  const update = () => {
    matches = findClasses(input.value, names, probability);
    active = 0;
    fill(
      list,
      matches
        .slice(0, MAX_SHOWN)
        .map((name, index) => option(name, index, probability, item, choose)),
    );
    count.textContent =
      matches.length > MAX_SHOWN
        ? `Showing the first ${MAX_SHOWN} of ${number(matches.length)}. Keep typing to narrow the list.`
        : matches.length
          ? ""
          : "No class name matches.";
    highlight();
  };
  input.addEventListener("input", update);
  input.addEventListener("keydown", (event) => {
    const last = list.children.length - 1;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowDown: Math.min(active + 1, last),
      ArrowUp: Math.max(active - 1, 0),
      Home: 0,
      End: last,
    };
    const to = targets[event.key];
    if (to !== undefined && (event.key.startsWith("Arrow") || !input.value)) {
      event.preventDefault();
      active = to;
      highlight();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (list.children[active]) choose(matches[active]);
    }
  });
  const dialog = modal(
    `Search ${number(names.length)} classes`,
    h("div", { class: "dialog-body" }, input, list, count),
  );
  update();
  input.focus();
}

/**
 * @param {string} name
 * @param {number} index
 * @param {Map<string, number>} probability
 * @param {Suspect} item
 * @param {(name: string) => void} choose
 */
function option(name, index, probability, item, choose) {
  return h(
    "li",
    {
      id: `found-${index}`,
      role: "option",
      "aria-selected": "false",
      on: { click: () => choose(name) },
    },
    h("span", { dir: "auto" }, name),
    h(
      "span",
      { class: "quiet small" },
      [
        name === item.given_label ? "given" : null,
        probability.has(name) ? percent(probability.get(name)) : null,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}

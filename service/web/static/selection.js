// The selected items of a grid: by click, shift-click, drag or keyboard, as in a file manager.

import { closest } from "./dom.js";

const DRAG_PIXELS = 6; // less is a click

export class Selection {
  /**
   * `grid` is a listbox whose options carry `data-id`; `onChange(ids)` gets the selected ones.
   * @param {HTMLElement} grid
   * @param {{ onChange: (ids: Set<string>) => void }} options
   */
  constructor(grid, { onChange }) {
    this.grid = grid;
    this.onChange = onChange;
    /** @type {Set<string>} */
    this.ids = new Set();
    /** @type {string | null} */
    this.anchor = null; // the start of a range
    /** @type {string | null} */
    this.cursor = null; // the option with the keyboard focus
    grid.addEventListener("pointerdown", (event) => this.#press(event));
    grid.addEventListener("click", (event) => this.#click(event));
    grid.addEventListener("keydown", (event) => this.#key(event));
    grid.addEventListener("focusin", (event) => {
      const id = closest(event, "[data-id]")?.dataset.id;
      if (id) this.#moveTo(id, { focus: false });
    });
  }

  get options() {
    return /** @type {HTMLElement[]} */ ([...this.grid.querySelectorAll("[data-id]")]);
  }

  /** After options were added or removed: drop those that are gone, keep one reachable by Tab. */
  refresh() {
    const here = this.options.map((option) => idOf(option));
    this.ids = new Set(here.filter((id) => this.ids.has(id)));
    if (!here.includes(this.cursor ?? "")) this.cursor = here[0] ?? null;
    if (!here.includes(this.anchor ?? "")) this.anchor = this.cursor;
    this.#show();
  }

  all() {
    this.#set(this.options.map((option) => idOf(option)));
  }

  none() {
    this.#set([]);
  }

  /** @param {string[]} ids */
  only(ids) {
    this.#set(ids);
  }

  /** @param {string[]} ids */
  #set(ids) {
    this.ids = new Set(ids);
    this.#show();
  }

  #show() {
    for (const option of this.options) {
      option.setAttribute("aria-selected", String(this.ids.has(idOf(option))));
      option.tabIndex = idOf(option) === this.cursor ? 0 : -1;
    }
    this.onChange(this.ids);
  }

  /** @param {string} id */
  #toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.anchor = id;
    this.#moveTo(id);
    this.#show();
  }

  /** @param {string} id */
  #rangeTo(id) {
    const ids = this.options.map((option) => idOf(option));
    const [from, to] = [ids.indexOf(this.anchor ?? id), ids.indexOf(id)].sort((a, b) => a - b);
    this.ids = new Set([...this.ids, ...ids.slice(from, to + 1)]);
    this.#moveTo(id);
    this.#show();
  }

  /**
   * @param {string} id
   * @param {{ focus?: boolean }} [options]
   */
  #moveTo(id, { focus = true } = {}) {
    this.cursor = id;
    for (const option of this.options) {
      const here = idOf(option) === id;
      option.tabIndex = here ? 0 : -1;
      if (here && focus) option.focus();
    }
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const id = closest(event, "[data-id]")?.dataset.id;
    if (!id || this.dragged) return;
    if (event.shiftKey) this.#rangeTo(id);
    else this.#toggle(id);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const options = this.options;
    const at = options.findIndex((option) => idOf(option) === this.cursor);
    if (at < 0) return;
    const columns = options.filter((option) => option.offsetTop === options[0].offsetTop).length;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: options.length - 1,
    };
    const to = targets[event.key];
    if (to !== undefined) {
      event.preventDefault();
      const next = options[to]?.dataset.id;
      if (next === undefined) return;
      if (event.shiftKey) this.#rangeTo(next);
      else this.#moveTo(next);
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.#toggle(idOf(options[at]));
    }
  }

  /**
   * Dragging with the mouse draws a rectangle; options that it touches are added to the selection.
   * @param {PointerEvent} event
   */
  #press(event) {
    this.dragged = false;
    if (event.pointerType !== "mouse" || event.button !== 0 || event.shiftKey) return;
    const before = new Set(this.ids);
    const from = { x: event.pageX, y: event.pageY };
    const band = document.createElement("div");
    band.className = "band-select";
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const box = {
        left: Math.min(from.x, moved.pageX),
        top: Math.min(from.y, moved.pageY),
        right: Math.max(from.x, moved.pageX),
        bottom: Math.max(from.y, moved.pageY),
      };
      if (!this.dragged && Math.max(box.right - box.left, box.bottom - box.top) < DRAG_PIXELS)
        return;
      if (!this.dragged) document.body.append(band);
      this.dragged = true;
      moved.preventDefault();
      band.style.setProperty("left", `${box.left}px`);
      band.style.setProperty("top", `${box.top}px`);
      band.style.setProperty("width", `${box.right - box.left}px`);
      band.style.setProperty("height", `${box.bottom - box.top}px`);
      this.#set([...before, ...this.options.filter((option) => touches(option, box)).map(idOf)]);
    };
    const end = () => {
      band.remove();
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  }
}

/** @param {HTMLElement} option */
const idOf = (option) => option.dataset.id ?? "";

/**
 * @param {HTMLElement} option
 * @param {{ left: number, right: number, top: number, bottom: number }} box
 */
function touches(option, box) {
  const place = option.getBoundingClientRect();
  const left = place.left + window.scrollX;
  const top = place.top + window.scrollY;
  return (
    left < box.right &&
    left + place.width > box.left &&
    top < box.bottom &&
    top + place.height > box.top
  );
}

// The selected items of a grid: by click, shift-click, drag or keyboard, as in a file manager.

const DRAG_PIXELS = 6; // less is a click

export class Selection {
  /** `grid` is a listbox whose options carry `data-id`; `onChange(ids)` gets the selected ones. */
  constructor(grid, { onChange }) {
    this.grid = grid;
    this.onChange = onChange;
    this.ids = new Set();
    this.anchor = null; // the start of a range
    this.cursor = null; // the option with the keyboard focus
    grid.addEventListener("pointerdown", (event) => this.#press(event));
    grid.addEventListener("click", (event) => this.#click(event));
    grid.addEventListener("keydown", (event) => this.#key(event));
    grid.addEventListener("focusin", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (id) this.#moveTo(id, { focus: false });
    });
  }

  get options() {
    return [...this.grid.querySelectorAll("[data-id]")];
  }

  /** After options were added or removed: drop those that are gone, keep one reachable by Tab. */
  refresh() {
    const here = this.options.map((option) => option.dataset.id);
    this.ids = new Set(here.filter((id) => this.ids.has(id)));
    if (!here.includes(this.cursor)) this.cursor = here[0] ?? null;
    if (!here.includes(this.anchor)) this.anchor = this.cursor;
    this.#show();
  }

  all() {
    this.#set(this.options.map((option) => option.dataset.id));
  }

  none() {
    this.#set([]);
  }

  only(ids) {
    this.#set(ids);
  }

  #set(ids) {
    this.ids = new Set(ids);
    this.#show();
  }

  #show() {
    for (const option of this.options) {
      option.setAttribute("aria-selected", String(this.ids.has(option.dataset.id)));
      option.tabIndex = option.dataset.id === this.cursor ? 0 : -1;
    }
    this.onChange(this.ids);
  }

  #toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.anchor = id;
    this.#moveTo(id);
    this.#show();
  }

  #rangeTo(id) {
    const ids = this.options.map((option) => option.dataset.id);
    const [from, to] = [ids.indexOf(this.anchor ?? id), ids.indexOf(id)].sort((a, b) => a - b);
    this.ids = new Set([...this.ids, ...ids.slice(from, to + 1)]);
    this.#moveTo(id);
    this.#show();
  }

  #moveTo(id, { focus = true } = {}) {
    this.cursor = id;
    for (const option of this.options) {
      const here = option.dataset.id === id;
      option.tabIndex = here ? 0 : -1;
      if (here && focus) option.focus();
    }
  }

  #click(event) {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (!id || this.dragged) return;
    if (event.shiftKey) this.#rangeTo(id);
    else this.#toggle(id);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const options = this.options;
    const at = options.findIndex((option) => option.dataset.id === this.cursor);
    if (at < 0) return;
    const columns = options.filter((option) => option.offsetTop === options[0].offsetTop).length;
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: options.length - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      const next = options[to]?.dataset.id;
      if (next === undefined) return;
      if (event.shiftKey) this.#rangeTo(next);
      else this.#moveTo(next);
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.#toggle(options[at].dataset.id);
    }
  }

  /** Dragging with the mouse draws a rectangle; options that it touches are added to the selection. */
  #press(event) {
    this.dragged = false;
    if (event.pointerType !== "mouse" || event.button !== 0 || event.shiftKey) return;
    const before = new Set(this.ids);
    const from = { x: event.pageX, y: event.pageY };
    const band = document.createElement("div");
    band.className = "band-select";
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

const idOf = (option) => option.dataset.id;

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

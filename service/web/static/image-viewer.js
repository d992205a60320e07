// Zoom, pan, contrast, brightness, inversion and pixels of an image. All but the zoom are kept from
// sample to sample.

import { button, closest, find, h } from "./dom.js";

const TINY_PIXELS = 160; // smaller images are enlarged, smoothly since blocks hide what they show
const MAX_ENLARGEMENT = 14; // of a tiny image: more only shows its pixels
const MAX_ZOOM = 16;
const STORAGE_KEY = "labelaudit.viewer";
const DEFAULTS = { brightness: 1, contrast: 1, invert: false, pixels: false };

const settings = { ...DEFAULTS, ...JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}") };

/**
 * @param {HTMLImageElement} image
 * @param {HTMLElement} frame
 */
export function attachViewer(image, frame) {
  new Viewer(image, frame);
}

class Viewer {
  /**
   * @param {HTMLImageElement} image
   * @param {HTMLElement} frame
   */
  constructor(image, frame) {
    this.image = image;
    this.frame = frame;
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.tiny = Math.max(image.naturalWidth, image.naturalHeight) <= TINY_PIXELS;
    this.pointers = new Map();
    if (this.tiny) this.#enlarge();
    this.tools = this.#toolbar();
    frame.append(this.tools);
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.#press(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"])
      frame.addEventListener(name, (event) =>
        this.pointers.delete(/** @type {PointerEvent} */ (event).pointerId),
      );
    frame.addEventListener("dblclick", (event) => {
      if (!closest(event, ".viewer-tools")) this.#zoomTo(this.zoom > 1 ? 1 : 3, event);
    });
    this.#draw();
  }

  /** Tiny images grow by a whole factor, so that every pixel stays a square of the same size. */
  #enlarge() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    const fit = () => {
      const scale = Math.min(this.frame.clientWidth / width, this.frame.clientHeight / height);
      const factor = Math.min(MAX_ENLARGEMENT, Math.max(1, Math.floor(scale)));
      this.image.style.setProperty("width", `${width * factor}px`);
    };
    this.image.classList.add("tiny");
    new ResizeObserver(fit).observe(this.frame);
    fit();
  }

  #toolbar() {
    /**
     * @param {string} text
     * @param {string} title
     * @param {() => unknown} onClick
     */
    const tool = (text, title, onClick) =>
      button(text, onClick, { class: "tool", "aria-label": title, title });
    /**
     * @param {string} text
     * @param {string} title
     * @param {"invert" | "pixels"} name
     */
    const toggle = (text, title, name) => {
      const element = tool(text, title, () => {
        settings[name] = !settings[name];
        element.setAttribute("aria-pressed", String(settings[name]));
        this.#saveSettings();
      });
      element.setAttribute("aria-pressed", String(settings[name]));
      return element;
    };
    /**
     * @param {string} title
     * @param {"contrast" | "brightness"} name
     */
    const slider = (title, name) => {
      const input = h("input", {
        type: "range",
        min: "0.3",
        max: "3",
        step: "0.05",
        value: settings[name],
      });
      input.addEventListener("input", () => {
        settings[name] = Number(input.value);
        this.#saveSettings();
      });
      return h("label", {}, h("span", {}, title), input);
    };
    const sliders = [slider("Contrast", "contrast"), slider("Brightness", "brightness")];
    return h(
      "div",
      { class: "viewer-tools", role: "toolbar", "aria-label": "Image tools" },
      tool("−", "Zoom out", () => this.#zoomTo(this.zoom / 1.5)),
      tool("+", "Zoom in", () => this.#zoomTo(this.zoom * 1.5)),
      h(
        "details",
        { class: "adjust" },
        h(
          "summary",
          { "aria-label": "Contrast and brightness", title: "Contrast and brightness" },
          "◐",
        ),
        h(
          "div",
          { class: "adjust-body" },
          sliders,
          h(
            "div",
            { class: "row" },
            toggle("Invert", "Invert dark and bright", "invert"),
            this.tiny ? toggle("Pixels", "Show each pixel as a square", "pixels") : null,
            tool("Reset", "Original view", () => {
              Object.assign(settings, DEFAULTS);
              for (const label of sliders) find(label, "input").value = 1;
              for (const pressed of this.tools.querySelectorAll("[aria-pressed]"))
                pressed.setAttribute("aria-pressed", "false");
              this.#zoomTo(1);
              this.#saveSettings();
            }),
          ),
        ),
      ),
    );
  }

  #saveSettings() {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(settings));
    this.#draw();
  }

  #draw() {
    const { brightness, contrast, invert, pixels } = settings;
    const style = this.image.style;
    const zoomed = this.zoom > 1;
    style.setProperty(
      "transform",
      zoomed ? `translate(${this.x}px, ${this.y}px) scale(${this.zoom})` : "none",
    );
    const filter = [
      invert ? "invert(1)" : "",
      brightness === 1 ? "" : `brightness(${brightness})`,
      contrast === 1 ? "" : `contrast(${contrast})`,
    ].filter(Boolean);
    style.setProperty("filter", filter.join(" ") || "none");
    this.image.classList.toggle("pixels", pixels);
    this.frame.classList.toggle("zoomed", zoomed);
  }

  /**
   * Zoom about the pointer, or about the middle without one.
   * @param {number} wanted
   * @param {{ clientX: number, clientY: number } | null} [event]
   */
  #zoomTo(wanted, event = null) {
    const zoom = Math.min(MAX_ZOOM, Math.max(1, wanted));
    const place = this.frame.getBoundingClientRect();
    const at = event
      ? {
          x: event.clientX - place.left - place.width / 2,
          y: event.clientY - place.top - place.height / 2,
        }
      : { x: 0, y: 0 };
    const change = zoom / this.zoom;
    this.x = at.x - (at.x - this.x) * change;
    this.y = at.y - (at.y - this.y) * change;
    this.zoom = zoom;
    this.#clamp(place);
    this.#draw();
  }

  /**
   * Keep the image inside its frame.
   * @param {DOMRect} place
   */
  #clamp(place) {
    /** @param {number} size */
    const limit = (size) => ((this.zoom - 1) * size) / 2;
    this.x = Math.max(-limit(place.width), Math.min(limit(place.width), this.x));
    this.y = Math.max(-limit(place.height), Math.min(limit(place.height), this.y));
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!event.ctrlKey && this.zoom === 1 && event.deltaY > 0) return; // the page may scroll
    event.preventDefault();
    this.#zoomTo(this.zoom * Math.exp(-event.deltaY / 400), event);
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (closest(event, ".viewer-tools")) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.zoom > 1 || this.pointers.size > 1) this.frame.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      /** @param {{ x: number, y: number }} p */
      const distance = (p) => Math.hypot(p.x - other.x, p.y - other.y);
      const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
      this.#zoomTo((this.zoom * distance(now)) / Math.max(distance(before), 1), middle);
    } else if (this.zoom > 1) {
      this.x += now.x - before.x;
      this.y += now.y - before.y;
      this.#clamp(this.frame.getBoundingClientRect());
      this.#draw();
    }
    this.pointers.set(event.pointerId, now);
  }
}

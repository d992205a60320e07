// Builds elements without markup strings, so that text from a dataset is never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...Child} children
 */
export function h(tag, props = {}, ...children) {
  return build(document.createElement(tag), props, children);
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...Child} children
 */
export function svg(tag, props = {}, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

/**
 * @template {Element} Built
 * @param {Built} element
 * @param {Props} props
 * @param {Child[]} children
 * @returns {Built}
 */
function build(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value))
        element.addEventListener(event, handler);
    } else if (name === "vars") {
      // Through CSSOM: the content security policy forbids style attributes.
      const { style } = /** @type {any} */ (element);
      for (const [key, amount] of Object.entries(value)) style.setProperty(`--${key}`, amount);
    } else if (name === "value") {
      /** @type {any} */ (element).value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

/**
 * @template {Element} Parent
 * @param {Parent} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

/**
 * @param {Child} child
 * @returns {Array<Node | string>}
 */
function nodes(child) {
  if (Array.isArray(child)) return child.flatMap(nodes);
  if (child === null || child === undefined || child === false) return [];
  return [child instanceof Node ? child : String(child)];
}

/**
 * @param {string} text
 * @param {() => unknown} onClick
 * @param {Props} [props]
 */
export function button(text, onClick, props = {}) {
  return h("button", { type: "button", class: "button", on: { click: onClick }, ...props }, text);
}

/**
 * A name that may wrap after `_`, `/`, `.` and `-`, where browsers do not wrap by themselves.
 * @param {string} name
 */
export function breakable(name) {
  const parts = String(name).split(/(?<=[_/.-])(?=[^_/.-])/u);
  return parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}

/**
 * The closest matching element around an event's target.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const closest = ({ target }, selector) =>
  target instanceof Element ? target.closest(selector) : null;

/**
 * An element that is known to be inside another.
 * @type {(parent: ParentNode, selector: string) => any}
 */
export const find = (parent, selector) => parent.querySelector(selector);

/**
 * An element that the page always has.
 * @param {string} id
 */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} text */
export function announce(text) {
  const region = byId("announcer");
  // Screen readers only announce changes, so a repeated sentence must differ.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/**
 * Open a modal dialog with a title and a close button.
 * @param {string} title
 * @param {Child} body
 * @param {{ onClose?: () => void, wide?: boolean }} [options]
 */
export function modal(title, body, { onClose, wide = false } = {}) {
  const close = h("button", { type: "button", class: "icon-button", "aria-label": "Close" }, "×");
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h(
    "dialog",
    { class: wide ? "dialog wide" : "dialog", "aria-labelledby": "dialog-title" },
    h("div", { class: "dialog-head" }, heading, close),
    body,
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Shows an RFC 9457 problem with the rows, files or fields that are wrong.
 * @param {any} problem
 * @param {{ title?: string, actions?: Child[] }} [options]
 */
export function problemBox(problem, { title, actions = [] } = {}) {
  const errors = problem.errors ?? [];
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("p", { class: "notice-title" }, title ?? problem.title ?? "Something went wrong"),
    problem.detail ? h("p", {}, problem.detail) : null,
    errors.length ? h("ul", { class: "error-list" }, errors.slice(0, 20).map(errorItem)) : null,
    problem.request_id ? h("p", { class: "quiet small" }, `Request ${problem.request_id}`) : null,
    actions.length ? h("div", { class: "row" }, actions) : null,
  );
}

/** @param {ProblemError} error */
function errorItem(error) {
  const where = [
    error.row !== undefined ? `row ${error.row}` : null,
    error.file,
    error.column ? `column ${error.column}` : null,
    error.sample_id,
    error.pointer,
    error.parameter ? `parameter ${error.parameter}` : null,
    error.header ? `header ${error.header}` : null,
  ].filter(Boolean);
  return h(
    "li",
    {},
    where.length ? h("span", { class: "where" }, where.join(", ")) : null,
    error.detail ?? "",
  );
}

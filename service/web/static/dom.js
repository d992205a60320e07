// Elements without markup strings: whatever a dataset says reaches the page as text and nothing else.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props = {}, ...children) {
  return build(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

function build(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value))
        element.addEventListener(event, handler);
    } else if (name === "vars") {
      // Through CSSOM: the content security policy forbids style attributes.
      for (const [key, amount] of Object.entries(value))
        element.style.setProperty(`--${key}`, amount);
    } else if (name === "value") {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export function fill(parent, ...children) {
  parent.replaceChildren(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return parent;
}

export function button(text, onClick, props = {}) {
  return h("button", { type: "button", class: "button", on: { click: onClick }, ...props }, text);
}

/** A name as nodes that may break behind `_`, `/`, `.` and `-`, which browsers do not do alone. */
export function breakable(name) {
  const parts = String(name).split(/(?<=[_/.-])(?=[^_/.-])/u);
  return parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}

export function announce(text) {
  const region = document.getElementById("announcer");
  // The same sentence twice is a change only if something else stood there in between.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** A modal dialog with a title and a close button; resolves its promise when it is closed. */
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

/** An RFC 9457 problem in words, with the rows, files or fields that are wrong. */
export function problemBox(problem, { title, actions = [] } = {}) {
  const errors = problem.errors ?? [];
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("p", { class: "notice-title" }, title ?? problem.title ?? "Something went wrong"),
    problem.detail ? h("p", {}, problem.detail) : null,
    errors.length ? h("ul", { class: "offenders" }, errors.slice(0, 20).map(offender)) : null,
    problem.request_id ? h("p", { class: "quiet small" }, `Request ${problem.request_id}`) : null,
    actions.length ? h("div", { class: "row" }, actions) : null,
  );
}

function offender(error) {
  const where = [
    error.row !== undefined ? `row ${error.row}` : null,
    error.file,
    error.column ? `column ${error.column}` : null,
    error.sample_id,
    error.pointer,
  ].filter(Boolean);
  return h(
    "li",
    {},
    where.length ? h("span", { class: "where" }, where.join(", ")) : null,
    error.detail ?? "",
  );
}

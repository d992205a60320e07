// Says what just happened, or why nothing did: to eyes for some seconds, to screen readers once.

import { announce, button, h } from "./dom.js";

const SHOWN_MS = 6000;
export const NOTHING_TO_UNDO =
  "There is nothing to undo: you decided nothing since the page was opened.";

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * @param {string} text
 * @param {{ title: string, act: () => unknown } | null} [offer] what can be done instead
 */
export function tell(text, offer = null) {
  announce(text);
  document.querySelector(".message")?.remove();
  clearTimeout(timer);
  const box = h(
    "div",
    { class: "message" },
    h("p", { "aria-hidden": "true" }, text),
    offer
      ? button(
          offer.title,
          () => {
            box.remove();
            offer.act();
          },
          { class: "link-button" },
        )
      : null,
  );
  document.body.append(box);
  const hide = () => {
    // what is being read or reached for stays
    if (box.matches(":hover, :focus-within")) timer = setTimeout(hide, SHOWN_MS);
    else box.remove();
  };
  timer = setTimeout(hide, SHOWN_MS);
}

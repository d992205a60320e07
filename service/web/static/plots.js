// A plot drawn by the server in the page's color scheme, with links to download it.

import * as api from "./api.js";
import { button, fill, h, problemBox } from "./dom.js";

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

/**
 * A figure that is loaded when it comes near the window and again when the color scheme changes.
 * @param {string} auditId
 * @param {string} name
 * @param {{ alt: string, overlay?: Child, caption?: Child }} options
 */
export function plot(auditId, name, { alt, overlay = null, caption = null }) {
  const frame = h("div", { class: `plot ${name}`, "aria-busy": "true" });
  const path = `/v1/audits/${auditId}/plots/${name}`;
  const load = async () => {
    try {
      const theme = darkScheme.matches ? "dark" : "light";
      const url = URL.createObjectURL(await api.blob(`${path}.svg`, { query: { theme } }));
      const image = h("img", { src: url, alt, draggable: "false" });
      image.addEventListener("load", () => URL.revokeObjectURL(url));
      fill(frame, image, overlay);
    } catch (problem) {
      const message = problem.detail || "The plot could not be loaded.";
      fill(
        frame,
        problem.status === 409 ? h("p", { class: "quiet" }, message) : problemBox(problem),
      );
    }
    frame.removeAttribute("aria-busy");
  };
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      load();
      darkScheme.addEventListener("change", load);
    },
    { rootMargin: "400px" },
  );
  observer.observe(frame);
  /** @param {string} format */
  const downloadButton = (format) =>
    button(format.toUpperCase(), () => api.save(`${path}.${format}`, `${name}.${format}`), {
      class: "link-button",
      "aria-label": `Download “${alt}” as ${format.toUpperCase()}`,
    });
  return h(
    "figure",
    { class: "plot-figure" },
    frame,
    h(
      "figcaption",
      { class: "quiet small" },
      caption,
      h("span", { class: "downloads" }, downloadButton("svg"), downloadButton("png")),
    ),
  );
}

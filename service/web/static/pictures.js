// A picture that the server drew, in the page's colours, and the ways to take it home.

import * as api from "./api.js";
import { button, fill, h, problemBox } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** A figure that loads when it comes near the window and is drawn anew when the colours change. */
export function picture(auditId, name, { alt, overlay = null, caption = null }) {
  const frame = h("div", { class: `plot ${name}`, "aria-busy": "true" });
  const path = `/v1/audits/${auditId}/plots/${name}`;
  const load = async () => {
    try {
      const theme = dark.matches ? "dark" : "light";
      const url = URL.createObjectURL(await api.blob(`${path}.svg`, { query: { theme } }));
      const image = h("img", { src: url, alt, draggable: "false" });
      image.addEventListener("load", () => URL.revokeObjectURL(url));
      fill(frame, image, overlay);
    } catch (problem) {
      const words = problem.detail || "The picture cannot be drawn.";
      fill(frame, problem.status === 409 ? h("p", { class: "quiet" }, words) : problemBox(problem));
    }
    frame.removeAttribute("aria-busy");
  };
  const near = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      load();
      dark.addEventListener("change", load);
    },
    { rootMargin: "400px" },
  );
  near.observe(frame);
  const save = (format) =>
    button(format.toUpperCase(), () => api.save(`${path}.${format}`, `${name}.${format}`), {
      class: "link-button",
      "aria-label": `Save “${alt}” as ${format.toUpperCase()}`,
    });
  return h(
    "figure",
    { class: "picture-figure" },
    frame,
    h("figcaption", { class: "quiet small" }, caption, h("span", { class: "saves" }, save("svg"), save("png"))),
  );
}

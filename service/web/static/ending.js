// What stands in place of a sample: waiting, an audit that is not done, the end of the queue.

import { may } from "./api.js";
import { button, h, problemBox } from "./dom.js";
import { openExport } from "./export.js";
import { number, plural } from "./format.js";

export function waitingView(audit) {
  if (!audit)
    return h(
      "div",
      { class: "blank", "aria-busy": "true" },
      h("p", { class: "quiet" }, "Fetching the next sample …"),
    );
  if (audit.problem) return h("div", { class: "narrow" }, problemBox(audit.problem));
  const words = { cancelled: "This audit was cancelled.", failed: "This audit failed." };
  return h(
    "div",
    { class: "blank" },
    h("p", { class: "blank-title" }, words[audit.status] ?? "This audit is still running"),
    words[audit.status]
      ? null
      : h(
          "p",
          { class: "quiet" },
          "The queue opens here by itself as soon as the samples are ranked.",
        ),
    h("a", { class: "button", href: "/" }, "Back to the datasets"),
  );
}

export function endView({ tally, filter, dataset, auditId, again, undo }) {
  const tiers = (filter.tier ?? ["obvious", "possible"])
    .map((name) => tally.tiers[name])
    .filter(Boolean);
  const sum = (state) => tiers.reduce((total, tier) => total + tier[state], 0);
  const [open, skipped, decided] = ["open", "skipped", "decided"].map(sum);
  const narrowed = filter.given_label !== undefined || filter.predicted_label !== undefined || filter.issue !== undefined;
  const onlySkipped = filter.state === "skipped";
  return h(
    "div",
    { class: "blank end" },
    h(
      "p",
      { class: "blank-title" },
      open && !narrowed && !onlySkipped ? "Nothing free right now" : "All done here",
    ),
    h(
      "p",
      {},
      `${plural(decided, "sample")} decided so far. `,
      tally.looks
        ? `${plural(tally.errors, "error")} found in ${plural(tally.looks, "sample")} reviewed.`
        : "",
    ),
    skipped && !onlySkipped
      ? h(
          "p",
          {},
          h(
            "a",
            { href: `/audits/${auditId}?queue=skipped` },
            `${plural(skipped, "skipped sample")} to come back to`,
          ),
        )
      : null,
    open && !onlySkipped
      ? h(
          "p",
          { class: "quiet" },
          narrowed
            ? `${number(open)} are left outside this filter.`
            : `${plural(open, "sample is", "samples are")} held by colleagues at the moment; what they give back returns to the queue.`,
        )
      : null,
    h(
      "div",
      { class: "row centre" },
      may("export")
        ? button("Export the corrected dataset …", () => openExport(dataset), {
            class: "button primary",
          })
        : null,
      narrowed
        ? h("a", { class: "button", href: `/audits/${auditId}` }, "The whole queue")
        : h("a", { class: "button", href: `/audits/${auditId}/overview` }, "Overview"),
      open || onlySkipped ? button("Look again", again) : null,
      undo
        ? button("Undo the last decision", undo, { class: "link-button", "data-key": "u" })
        : null,
    ),
  );
}

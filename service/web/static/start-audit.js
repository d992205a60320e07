// Starts an audit; the defaults suit most datasets, and the options are collapsed.

import * as api from "./api.js";
import { button, fill, h, modal, problemBox } from "./dom.js";

/**
 * @param {Dataset} dataset
 * @param {(audit: Audit) => void} onStarted
 */
export function openStartAudit(dataset, onStarted) {
  const errors = h("div");
  const options = h("div", { class: "fields" }, h("p", { class: "quiet" }, "Loading …"));
  /** @type {Fields} */
  const chosen = {};
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    start.disabled = true;
    try {
      onStarted(await api.post(`/v1/datasets/${dataset.id}/audits`, chosenOptions(chosen)));
      dialog.close();
    } catch (error) {
      fill(errors, problemBox(error));
      start.disabled = false;
    }
  };
  const start = h(
    "button",
    { type: "submit", class: "button primary", autofocus: true },
    "Start audit",
  );
  const details = h(
    "details",
    { class: "options", on: { toggle: () => load(dataset, options, chosen) } },
    h("summary", {}, "Options"),
    options,
  );
  const dialog = modal(
    dataset.version
      ? `Audit version ${dataset.version} of ${dataset.name}`
      : `Audit ${dataset.name}`,
    h(
      "form",
      { class: "dialog-body", on: { submit } },
      h(
        "p",
        {},
        "Several small, noise-robust models are trained on bootstrap samples of the data. Their predictions during training show which labels are probably wrong.",
      ),
      details,
      errors,
      h(
        "div",
        { class: "row end" },
        button("Cancel", () => dialog.close()),
        start,
      ),
    ),
  );
}

/**
 * @typedef {object} Fields filled once the options are opened
 * @property {HTMLSelectElement} [encoder]
 * @property {HTMLSelectElement} [objective]
 * @property {HTMLInputElement} [replicas]
 * @property {HTMLInputElement} [epochs]
 */

/** @param {Fields} options */
function chosenOptions({ encoder, objective, replicas, epochs }) {
  /** @type {Record<string, string | number | null>} */
  const body = {};
  if (encoder?.value && encoder.value !== "auto")
    body.encoder = encoder.value === "none" ? null : encoder.value;
  if (objective?.value) body.objective = objective.value;
  if (replicas?.value) body.replicas = Number(replicas.value);
  if (epochs?.value) body.epochs = Number(epochs.value);
  return body;
}

/**
 * @param {Dataset} dataset
 * @param {HTMLElement} container
 * @param {Fields} chosen
 */
async function load(dataset, container, chosen) {
  if (chosen.objective) return;
  try {
    /** @type {[Api.Page_EncoderRead_, Api.Page_ObjectiveRead_]} */
    const [{ items: encoders }, { items: objectives }] = await Promise.all([
      api.getAll("/v1/encoders"),
      api.getAll("/v1/objectives"),
    ]);
    // A family ("timm:") needs a model name after the colon, so it cannot be chosen from a list.
    const fitting = encoders.filter(
      (encoder) => encoder.kind === dataset.kind && !encoder.name.endsWith(":"),
    );
    chosen.encoder = h(
      "select",
      { id: "encoder" },
      h("option", { value: "auto" }, "Automatic"),
      fitting.map((encoder) => h("option", { value: encoder.name }, encoder.name)),
      dataset.kind === "image"
        ? h("option", { value: "none" }, "None (train on the pixels)")
        : null,
    );
    chosen.objective = h(
      "select",
      { id: "objective", "aria-describedby": "use-when" },
      objectives.map((objective) => h("option", { value: objective.name }, objective.title)),
    );
    chosen.objective.value = "gce";
    chosen.replicas = h("input", {
      id: "replicas",
      type: "number",
      min: "1",
      max: "256",
      placeholder: "8",
    });
    chosen.epochs = h("input", {
      id: "epochs",
      type: "number",
      min: "1",
      max: "1000",
      placeholder: "automatic",
    });
    const useWhen = h("p", { id: "use-when", class: "quiet small" });
    const explain = () => {
      const selected = objectives.find(({ name }) => name === chosen.objective?.value);
      useWhen.textContent = selected?.use_when ?? "";
    };
    chosen.objective.addEventListener("change", explain);
    explain();
    fill(
      container,
      h("label", { for: "encoder" }, "Encoder", chosen.encoder),
      h("label", { for: "objective" }, "Objective", chosen.objective),
      useWhen,
      h("label", { for: "replicas" }, "Replicas", chosen.replicas),
      h("label", { for: "epochs" }, "Epochs", chosen.epochs),
    );
  } catch (error) {
    fill(container, problemBox(error));
  }
}

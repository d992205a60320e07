// What review and grid load first.

import * as api from "./api.js";
import { fill } from "./dom.js";
import { loadingView } from "./empty-state.js";
import { reviewHead } from "./review-head.js";

/**
 * The dataset and the summary of a completed audit. Of any other it shows how far it is, and
 * answers null.
 * @param {HTMLElement} main
 * @param {string} id
 * @param {"review" | "grid"} view
 * @param {string} title before the name of the dataset
 * @returns {Promise<{ dataset: Dataset, summary: Summary } | null>}
 */
export async function completedAudit(main, id, view, title) {
  fill(main, loadingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `${title} ${dataset.name} · labelaudit`;
  if (audit.status === "completed") {
    return { dataset, summary: await api.get(`/v1/audits/${id}/summary`) };
  }
  const { showUnfinished } = await import("./unfinished.js");
  await showUnfinished(main, reviewHead(dataset, id, view), audit);
  return null;
}

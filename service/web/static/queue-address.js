// The address of a part of an audit's queue.

/**
 * `/audits/{id}` with the filters as its query; empty ones are left out.
 * @param {string} auditId
 * @param {Record<string, string | null | undefined>} filters
 * @param {string} [view]
 */
export function queueAddress(auditId, filters, view = "") {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return `/audits/${encodeURIComponent(auditId)}${view}${text ? `?${text}` : ""}`;
}

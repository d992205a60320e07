// Where a page was scrolled to, which the browser forgets because the page is filled after it loads.

const KEY = "labelaudit.scroll";

/** Go back to where this address was left, if the reader came by Back, Forward or Reload. */
export function restoreScroll() {
  const key = `${KEY}${location.pathname}`;
  const [visit] = performance.getEntriesByType("navigation");
  history.scrollRestoration = "manual";
  if (/** @type {PerformanceNavigationTiming} */ (visit).type !== "navigate")
    window.scrollTo(0, Number(sessionStorage.getItem(key) ?? 0));
  window.addEventListener("pagehide", () => sessionStorage.setItem(key, String(window.scrollY)));
}

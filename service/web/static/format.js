// Formats numbers and times.

const whole = new Intl.NumberFormat("en");

/** @param {number} value */
export const number = (value) => whole.format(value);

/**
 * @param {number} count
 * @param {string} one
 */
export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/**
 * 0.934 -> "93%". Only 0 is shown as 0% and only 1 as 100%.
 * @param {number | null | undefined} share
 */
export function percent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  if (share > 0 && share < 0.01) return "<1%";
  if (share < 1 && share > 0.99) return ">99%";
  return `${Math.round(share * 100)}%`;
}

/**
 * With one decimal below 10%.
 * @param {number | null | undefined} share
 */
export function finePercent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  return share < 0.1 ? `${(share * 100).toFixed(1)}%` : percent(share);
}

/**
 * "2% – 5%", or the only bound that is known.
 * @param {{ low: number | null, high: number | null }} bounds
 */
export function interval({ low, high }, show = percent) {
  if (high === null) return low === null ? "" : `lower bound ${show(low)}`;
  if (low === null) return `upper bound ${show(high)}`;
  return `${show(low)} – ${show(high)}`;
}

/** @param {number | null | undefined} size */
export function bytes(size) {
  if (size === null || size === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size >= 10 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** @param {number | null | undefined} seconds */
export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 5) return "a few seconds left";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} seconds left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes left`;
  return `about ${Math.round(seconds / 3600)} hours left`;
}

/** @type {Array<[Intl.RelativeTimeFormatUnit, number]>} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** @param {string} moment */
export function ago(moment) {
  const seconds = (new Date(moment).getTime() - Date.now()) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/** @param {string} text */
export const shorten = (text, length = 60) =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

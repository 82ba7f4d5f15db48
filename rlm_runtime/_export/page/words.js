/** Numbers and states in few words. */

const NUMBERS = new Intl.NumberFormat("en");

/**
 * Writes a number with its noun: `1 call`, `2,000 calls`.
 *
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${NUMBERS.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * Writes a whole number.
 *
 * @param {number} number
 */
export function whole(number) {
  return NUMBERS.format(number);
}

/**
 * Writes a number of tokens in three digits or so.
 *
 * @param {number} number
 */
export function short(number) {
  if (number < 1000) return String(number);
  if (number < 999_500) return `${(number / 1000).toFixed(number < 9950 ? 1 : 0)}k`;
  return `${(number / 1e6).toFixed(number < 9.95e6 ? 1 : 0)}M`;
}

/**
 * Writes an amount of US dollars; null is one that nobody knows.
 *
 * @param {number | null} dollars
 */
export function money(dollars) {
  if (dollars === null) return "?";
  if (dollars === 0) return "$0";
  if (dollars < 0.0001) return "<$0.0001";
  return `$${dollars.toFixed(dollars < 1 ? 4 : 2)}`;
}

/**
 * Writes a stretch of time.
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Tells what a state looks like: a sign, so that nothing is told by colour alone, and its kind.
 *
 * @param {string} status
 * @returns {{sign: string, kind: string, words: string}}
 */
export function look(status) {
  const words = status.replaceAll("_", " ");
  if (status === "answered") return { sign: "✓", kind: "good", words };
  if (status === "running") return { sign: "▸", kind: "open", words };
  if (["model_error", "sandbox_error", "error", "crashed"].includes(status)) {
    return { sign: "✕", kind: "bad", words };
  }
  if (status === "unfinished" || status === "interrupted") {
    return { sign: "–", kind: "open", words };
  }
  return { sign: "■", kind: "stopped", words };
}

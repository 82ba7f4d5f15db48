/** Makes text visible as it is: what a browser would hide or obey is shown by a symbol. */

import { el } from "./dom.js";

// Controls, what reorders or hides the text around it, invisible letters, halves of pairs
const HIDDEN = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b\\u200e\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}\\ud800-\\udfff]",
  "gu",
);

/**
 * Gives the symbol for a character that is not to be shown as it is.
 *
 * @param {string} hidden
 */
export function symbol(hidden) {
  const code = hidden.codePointAt(0) ?? 0;
  // Unicode has pictures of controls, but many fonts do not
  if (code === 0x1b) return "⟨ESC⟩";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/**
 * Gives a text with symbols in it, for places that take no elements.
 *
 * @param {string} text
 */
export function plain(text) {
  return text.replace(/\r\n/g, "\n").replace(HIDDEN, symbol);
}

/**
 * Gives the beginning of a text on one line.
 *
 * @param {string} text
 * @param {number} [most]
 */
export function line(text, most = 120) {
  const one = plain(text.slice(0, most * 8).replace(/\s+/g, " ").trim());
  return one.length > most ? `${one.slice(0, most - 1)}…` : one;
}

/**
 * Gives a text as nodes of the page, its symbols marked as such.
 *
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function shown(text) {
  const made = document.createDocumentFragment();
  const unix = text.replace(/\r\n/g, "\n");
  let from = 0;
  for (const found of unix.matchAll(HIDDEN)) {
    if (found.index > from) made.append(unix.slice(from, found.index));
    const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    made.append(el("span", { class: "hidden", title: `U+${code}` }, symbol(found[0])));
    from = found.index + found[0].length;
  }
  if (from < unix.length) made.append(unix.slice(from));
  return made;
}

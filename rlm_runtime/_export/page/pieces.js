/** The pieces of text that details are made of: folded, cut where long, found by search. */

import { button, el } from "./dom.js";
import { tokens } from "./python.js";
import { shown } from "./texts.js";
import { count, whole } from "./words.js";

const SHOWN = 3000;
/** For texts that stand before what is read most. */
export const SHOWN_ABOVE = 700;

/** @type {WeakMap<Element, () => void>} */
const unfolds = new WeakMap();

/**
 * Shows a text.
 *
 * @param {string} place Its name among the texts of the item.
 * @param {string} text
 * @param {"prose" | "code" | "output" | "error"} kind
 * @param {number} [most] So many characters are shown before somebody asks for more.
 * @returns {HTMLElement}
 */
export function piece(place, text, kind, most = SHOWN) {
  const pre = el(kind === "prose" ? "div" : "pre", { class: `text ${kind}` });
  const made = el("div", { class: "piece", "data-place": place }, pre);
  const fill = (/** @type {string} */ part) =>
    pre.replaceChildren(kind === "code" ? lines(part) : shown(part));
  if (text.length <= most * 1.2) {
    fill(text);
    return made;
  }
  const cut = Math.max(text.lastIndexOf("\n", most), most * 0.8);
  fill(text.slice(0, cut));
  const unfold = () => {
    fill(text);
    more.remove();
    unfolds.delete(made);
  };
  const more = button("more", `${whole(text.length - cut)} characters more`, unfold);
  unfolds.set(made, unfold);
  made.append(more);
  return made;
}

/**
 * Shows a text that is folded until somebody wants to read it.
 *
 * @param {string} place
 * @param {string} label
 * @param {string} text
 * @param {"prose" | "code" | "output" | "error"} kind
 * @returns {HTMLElement}
 */
export function folded(place, label, text, kind) {
  const size = el("span", { class: "size" }, count(text.length, "character"));
  const made = el("details", { class: "fold" }, el("summary", {}, label, " ", size));
  const holder = el("div", { "data-place": place });
  made.append(holder);
  const fill = () => {
    if (!holder.firstChild) holder.append(piece(place, text, kind));
    holder.removeAttribute("data-place");
  };
  made.addEventListener("toggle", fill);
  unfolds.set(holder, () => {
    /** @type {HTMLDetailsElement} */ (made).open = true;
    fill();
  });
  return made;
}

/**
 * Finds a text of the item that is shown, and unfolds all that hides a part of it.
 *
 * @param {HTMLElement} inside
 * @param {string} place
 * @returns {HTMLElement | null}
 */
export function unfold(inside, place) {
  const selector = `[data-place="${CSS.escape(place)}"]`;
  for (let turns = 0; turns < 3; turns++) {
    const found = /** @type {HTMLElement | null} */ (inside.querySelector(selector));
    if (!found || !unfolds.has(found)) return openAround(found);
    unfolds.get(found)?.();
    unfolds.delete(found);
  }
  return openAround(inside.querySelector(selector));
}

/** @param {HTMLElement | null} found */
function openAround(found) {
  for (let one = found?.parentElement; one; one = one.parentElement) {
    if (one instanceof HTMLDetailsElement) one.open = true;
  }
  return found;
}

/**
 * @param {string} code
 * @returns {DocumentFragment}
 */
function lines(code) {
  const made = document.createDocumentFragment();
  let row = el("span", { class: "line" });
  made.append(row);
  for (const { kind, text } of tokens(code.replace(/\r\n?/g, "\n").replace(/\n$/, ""))) {
    text.split("\n").forEach((part, index) => {
      if (index > 0) {
        made.append("\n");
        row = el("span", { class: "line" });
        made.append(row);
      }
      if (part === "") return;
      row.append(kind ? el("span", { class: `py-${kind}` }, shown(part)) : shown(part));
    });
  }
  return made;
}

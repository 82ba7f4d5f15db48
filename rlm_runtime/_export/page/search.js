/**
 * Search through all texts of the run.
 *
 * @import { Story } from "./data.js"
 * @import { Place } from "./places.js"
 */

import { button, el } from "./dom.js";
import { unfold } from "./pieces.js";
import { placesOf } from "./places.js";
import { plain } from "./texts.js";
import { whole } from "./words.js";

const MOST_MARKED = 2000;

/** Finds text, and goes from one place to the next. */
export class Search {
  /** @type {{place: Place, found: number, before: number}[]} */
  #hits = [];
  #total = 0;
  #now = -1;
  #words = "";
  /** @type {{place: Place, text: string}[] | null} */
  #places = null;

  /**
   * @param {Story} story
   * @param {(key: string, iteration: number) => HTMLElement} show Shows an item; gives its details.
   */
  constructor(story, show) {
    this.#story = story;
    this.#show = show;
    this.#input = /** @type {HTMLInputElement} */ (el("input", {
      type: "search",
      placeholder: "Search all texts ( / )",
      "aria-label": "Search code, output, messages and answers",
      autocomplete: "off",
      spellcheck: "false",
    }));
    this.#told = el("output", { class: "found", "aria-live": "polite" });
    this.#input.addEventListener("input", () => this.look(this.#input.value));
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.look("");
    });
    const previous = button("icon", "↑", () => this.step(-1));
    const next = button("icon", "↓", () => this.step(1));
    previous.setAttribute("aria-label", "Previous match (N)");
    next.setAttribute("aria-label", "Next match (n)");
    this.element = el("search", { class: "search" }, this.#input, this.#told, previous, next);
  }

  /** @type {Story} */
  #story;
  /** @type {(key: string, iteration: number) => HTMLElement} */
  #show;
  /** @type {HTMLInputElement} */
  #input;
  /** @type {HTMLElement} */
  #told;

  /** Puts the cursor into the field. */
  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /**
   * Finds words in all texts.
   *
   * @param {string} words
   */
  look(words) {
    if (this.#input.value !== words) this.#input.value = words;
    this.#words = plain(words).toLowerCase();
    this.#hits = [];
    this.#total = 0;
    this.#now = -1;
    if (this.#words !== "") {
      for (const { place, text } of this.#all()) {
        const found = text.split(this.#words).length - 1;
        if (found === 0) continue;
        this.#hits.push({ place, found, before: this.#total });
        this.#total += found;
      }
    }
    this.#tell();
  }

  /**
   * Goes on to another match.
   *
   * @param {number} by
   */
  step(by) {
    if (this.#total === 0) return;
    this.#now = this.#now < 0 && by < 0
      ? this.#total - 1
      : (this.#now + by + this.#total) % this.#total;
    const hit = this.#hits.findLast(({ before }) => before <= this.#now);
    if (!hit) return;
    const inside = this.#show(hit.place.key, hit.place.iteration);
    const element = unfold(inside, hit.place.place);
    this.mark(inside, element, this.#now - hit.before);
    this.#tell();
  }

  /**
   * Marks all matches in the details that are shown.
   *
   * @param {HTMLElement} inside
   * @param {HTMLElement | null} [current] The text that holds the current match.
   * @param {number} [number] Its number there.
   */
  mark(inside, current = null, number = 0) {
    const here = current ? rangesIn(current, this.#words).at(number) : undefined;
    const target = here?.startContainer.parentElement ?? current;
    target?.scrollIntoView({ block: "center" });
    const highlights = globalThis.CSS?.highlights;
    if (!highlights || typeof Highlight === "undefined") {
      // An older browser marks the one match as it marks what is selected
      if (here) {
        getSelection()?.setBaseAndExtent(
          here.startContainer,
          here.startOffset,
          here.endContainer,
          here.endOffset,
        );
      }
      return;
    }
    highlights.set("found", new Highlight(...rangesIn(inside, this.#words)));
    highlights.set("current", new Highlight(...(here ? [here] : [])));
  }

  #tell() {
    const place = this.#now < 0
      ? whole(this.#total)
      : `${whole(this.#now + 1)} of ${whole(this.#total)}`;
    const many = `${place} in ${whole(this.#hits.length)} places`;
    this.#told.textContent = this.#words === "" ? "" : this.#total === 0 ? "none" : many;
  }

  #all() {
    if (this.#places === null) {
      /** @type {Map<string, string>} Most texts are in several places. */
      const lower = new Map();
      const of = (/** @type {string} */ text) => {
        const known = lower.get(text) ?? plain(text).toLowerCase();
        lower.set(text, known);
        return known;
      };
      const places = [...this.#story.items.values()].flatMap((item) => placesOf(this.#story, item));
      this.#places = places.map((place) => ({ place, text: of(place.text) }));
    }
    return this.#places;
  }
}

/**
 * @param {HTMLElement} inside
 * @param {string} words In lower case.
 * @returns {Range[]}
 */
function rangesIn(inside, words) {
  if (words === "") return [];
  const walker = document.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
  /** @type {{node: Node, from: number}[]} */
  const nodes = [];
  let text = "";
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode, from: text.length });
    text += walker.currentNode.nodeValue ?? "";
  }
  const lower = text.toLowerCase();
  // Some letters have more of them in lower case: then no place in one is the place in the other
  if (lower.length !== text.length) return [];
  const ranges = [];
  let n = 0;
  for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, at + words.length)) {
    const range = document.createRange();
    while (nodes[n + 1] && nodes[n + 1].from <= at) n++;
    range.setStart(nodes[n].node, at - nodes[n].from);
    let last = n;
    while (nodes[last + 1] && nodes[last + 1].from < at + words.length) last++;
    range.setEnd(nodes[last].node, at + words.length - nodes[last].from);
    if (ranges.push(range) >= MOST_MARKED) break;
  }
  return ranges;
}

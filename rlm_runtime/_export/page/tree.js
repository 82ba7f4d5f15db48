/**
 * The tree of nodes and completions, with the timeline beside it.
 *
 * @import { Item, Spent, Story } from "./data.js"
 * @import { Row } from "./rows.js"
 */

import { addTo, nothing } from "./data.js";
import { el } from "./dom.js";
import { lane, legend, overview } from "./lanes.js";
import { expandedAtFirst, listRows, reveal } from "./rows.js";
import { count, duration, look, money, short } from "./words.js";
import { line } from "./texts.js";

const MOST_INDENT = 12;

/** Shows the tree, and says what is chosen in it. */
export class Tree {
  /** @type {Row[]} */
  #rows = [];
  #selected = "";
  #focused = "";

  /**
   * @param {Story} story
   * @param {HTMLElement} place
   * @param {(key: string, iteration: number | null) => void} choose
   */
  constructor(story, place, choose) {
    this.#story = story;
    this.#choose = choose;
    this.#expanded = expandedAtFirst(story);
    this.#list = el("div", { role: "tree", "aria-label": "Nodes and completions", class: "tree" });
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#list.addEventListener("keydown", (event) => this.#press(event));
    place.append(overview(story), legend(), headings(), this.#list);
    this.#draw();
  }

  /** @type {Story} */
  #story;
  /** @type {(key: string, iteration: number | null) => void} */
  #choose;
  /** @type {Set<string>} */
  #expanded;
  /** @type {HTMLElement} */
  #list;

  /**
   * Marks an item as the chosen one, and brings its row into view.
   *
   * @param {Item} item
   */
  select(item) {
    this.#selected = this.#focused = item.key;
    if (!this.#rows.some((row) => row.key === item.key)) reveal(item, this.#expanded);
    this.#draw();
    this.#rowOf(item.key)?.scrollIntoView({ block: "nearest" });
  }

  #draw() {
    this.#rows = listRows(this.#story, this.#expanded);
    if (!this.#rows.some((row) => row.key === this.#focused)) {
      this.#focused = this.#rows[0]?.key ?? "";
    }
    const hadFocus = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...this.#rows.map((row, index) => this.#drawRow(row, index)));
    if (hadFocus) this.#rowOf(this.#focused)?.focus();
  }

  /**
   * @param {Row} row
   * @param {number} index
   */
  #drawRow(row, index) {
    const one = row.item ?? row.items[0];
    const spent = row.item ? row.item.all : sumOf(row.items);
    const seconds = secondsOf(row);
    const label = labelOf(row, spent, seconds);
    const made = el(
      "div",
      {
        role: "treeitem",
        class: `row${one.old ? " old" : ""}`,
        "data-index": index,
        "aria-level": row.level,
        "aria-posinset": row.position,
        "aria-setsize": row.size,
        "aria-selected": row.key === this.#selected ? "true" : "false",
        "aria-expanded": row.expandable ? String(row.expanded) : undefined,
        "aria-label": label,
        tabindex: row.key === this.#focused ? 0 : -1,
        title: label,
      },
      this.#drawName(row, one),
      el("span", { class: "figure cost" }, money(spent.cost)),
      el("span", { class: "figure tokens" }, short(spent.prompt + spent.completion)),
      el("span", { class: "figure time" }, seconds),
      lane(row, this.#story),
    );
    made.style.setProperty("--level", String(Math.min(row.level - 1, MOST_INDENT)));
    return made;
  }

  /**
   * @param {Row} row
   * @param {Item} one
   */
  #drawName(row, one) {
    const { sign, kind } = look(one.status);
    const isUsual = one.model === this.#story.usualModel(one);
    const tag = isUsual ? "" : line(one.model.split("/").at(-1) ?? "", 24);
    return el(
      "span",
      { class: "name" },
      el("span", { class: "twist" }, row.expandable ? (row.expanded ? "▾" : "▸") : ""),
      el("span", { class: `state ${kind}` }, sign),
      el("span", { class: "number" }, nameOf(row)),
      tag && el("span", { class: "tag" }, tag),
      el("span", { class: "title" }, row.item ? row.item.title : line(one.model, 40)),
    );
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const index = target.closest(".row")?.getAttribute("data-index");
    const row = this.#rows[Number(index ?? -1)];
    if (!row) return;
    this.#focused = row.key;
    if (target.closest(".twist") || !row.item) {
      this.#toggle(row);
      return;
    }
    const iteration = target.getAttribute("data-iteration");
    this.#choose(row.key, iteration === null ? null : Number(iteration));
  }

  /** @param {Row} row */
  #toggle(row) {
    if (!row.expandable) return;
    if (row.expanded) this.#expanded.delete(row.key);
    else this.#expanded.add(row.key);
    this.#draw();
    this.#focus(row.key);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.#rows.findIndex((row) => row.key === this.#focused);
    const row = this.#rows[index];
    if (!row) return;
    const go = (/** @type {number} */ to) => this.#focus(this.#rows[to]?.key);
    const moves = {
      ArrowDown: () => go(index + 1),
      ArrowUp: () => go(index - 1),
      Home: () => go(0),
      End: () => go(this.#rows.length - 1),
      ArrowRight: () => (row.expandable && !row.expanded ? this.#toggle(row) : go(index + 1)),
      ArrowLeft: () => (row.expanded ? this.#toggle(row) : this.#focus(row.parent ?? undefined)),
      Enter: () => (row.item ? this.#choose(row.key, null) : this.#toggle(row)),
      " ": () => (row.item ? this.#choose(row.key, null) : this.#toggle(row)),
    };
    const move = moves[/** @type {keyof moves} */ (event.key)];
    if (!move) return;
    event.preventDefault();
    move();
  }

  /** @param {string | undefined} key */
  #focus(key) {
    const next = key === undefined ? null : this.#rowOf(key);
    if (!next || key === undefined) return;
    this.#rowOf(this.#focused)?.setAttribute("tabindex", "-1");
    this.#focused = key;
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  /**
   * @param {string} key
   * @returns {HTMLElement | null}
   */
  #rowOf(key) {
    const index = this.#rows.findIndex((row) => row.key === key);
    return /** @type {HTMLElement | null} */ (this.#list.children[index] ?? null);
  }
}

function headings() {
  const heads = ["Node", "Cost", "Tokens", "Time", "Timeline"];
  return el(
    "div",
    { class: "row heads", "aria-hidden": "true" },
    ...heads.map((head) => el("span", {}, head)),
  );
}

/** @param {Row} row */
function nameOf({ item, items }) {
  if (item) return item.sub ? "llm_query" : String(item.node?.node);
  return items[0].sub ? `llm_query × ${items.length}` : `nodes × ${items.length}`;
}

/**
 * @param {Item[]} items
 * @returns {Spent}
 */
function sumOf(items) {
  const sum = nothing();
  for (const item of items) addTo(sum, item.all);
  return sum;
}

/**
 * Says all of a row in words.
 *
 * @param {Row} row
 * @param {Spent} spent
 * @param {string} seconds
 */
function labelOf(row, spent, seconds) {
  const { item } = row;
  const one = item ?? row.items[0];
  const { words } = look(one.status);
  const state = one.old ? `${words}, counts no more` : words;
  const own = item && item.children.length > 0 ? `, ${money(item.own.cost)} of its own` : "";
  const depth = item?.node ? `, depth ${item.node.depth ?? 0}` : "";
  const tokens = count(spent.prompt + spent.completion, "token");
  const numbers = `${money(spent.cost)}${own}, ${tokens}, ${seconds}`;
  const about = item ? `: ${item.title}` : "";
  return `${nameOf(row)}, ${line(state, 60)}, ${line(one.model, 60)}${depth}, ${numbers}${about}`;
}

/** @param {Row} row */
function secondsOf({ item, items }) {
  if (item) return duration(item.end - item.t);
  let [t, end] = [Infinity, 0];
  for (const one of items) [t, end] = [Math.min(t, one.t), Math.max(end, one.end)];
  return duration(end - t);
}

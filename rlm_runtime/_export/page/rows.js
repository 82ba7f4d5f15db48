/**
 * The rows of the tree: which are there, and how many like ones fold into one.
 *
 * @import { Item, Story } from "./data.js"
 *
 * @typedef {{key: string, item: Item | null, items: Item[], level: number, position: number,
 *   size: number, parent: string | null, expandable: boolean, expanded: boolean}} Row
 */

const FOLDED_COMPLETIONS = 4;
const FOLDED_NODES = 20;
const MOST_IN_GROUP = 200;
const MOST_AT_FIRST = 60;

/**
 * Lists the rows that are visible.
 *
 * @param {Story} story
 * @param {Set<string>} expanded
 * @returns {Row[]}
 */
export function listRows(story, expanded) {
  const rows = [];
  const stack = below(story.roots, null, 1, expanded).reverse();
  while (stack.length > 0) {
    const row = /** @type {Row} */ (stack.pop());
    rows.push(row);
    if (!row.expanded) continue;
    const items = row.item ? row.item.children : row.items;
    const next = row.item
      ? below(items, row.key, row.level + 1, expanded)
      : members(row, row.level + 1, expanded);
    stack.push(...next.reverse());
  }
  return rows;
}

/**
 * Tells what is expanded at first: level by level, as long as there is room.
 *
 * @param {Story} story
 * @returns {Set<string>}
 */
export function expandedAtFirst(story) {
  /** @type {Set<string>} */
  const expanded = new Set();
  let [level, rows] = [story.roots, story.roots.length];
  while (level.length > 0) {
    const open = level.filter((item) => item.children.length > 0);
    for (const item of open) rows += below(item.children, item.key, 1, expanded).length;
    // A level as a whole, or not at all: half of one looks as if the rest had nothing below it
    if (rows > MOST_AT_FIRST && expanded.size > 0) break;
    for (const item of open) expanded.add(item.key);
    level = open.flatMap((item) => item.children);
  }
  return expanded;
}

/**
 * Expands what an item is in, so that it has a row.
 *
 * @param {Item} item
 * @param {Set<string>} expanded
 */
export function reveal(item, expanded) {
  for (let one = item; one.parent; one = one.parent) {
    expanded.add(one.parent.key);
    for (const row of below(one.parent.children, one.parent.key, 1, expanded)) {
      if (row.item || !row.items.includes(one)) continue;
      expanded.add(row.key);
      for (const part of members({ ...row, level: 1 }, 1, expanded)) {
        if (!part.item && part.items.includes(one)) expanded.add(part.key);
      }
    }
  }
}

/**
 * @param {Item[]} items
 * @param {string | null} parent
 * @param {number} level
 * @param {Set<string>} expanded
 * @returns {Row[]}
 */
function below(items, parent, level, expanded) {
  /** @type {Map<string, Item[]>} */
  const alike = new Map();
  for (const item of items) {
    const kind = `${item.sub ? `completion ${item.iteration}` : "node"}`;
    const name = `${kind} ${item.status} ${item.old} ${item.model}`;
    const found = alike.get(name);
    if (found) found.push(item);
    else alike.set(name, [item]);
  }
  const rows = [];
  for (const group of alike.values()) {
    if (group.length >= (group[0].sub ? FOLDED_COMPLETIONS : FOLDED_NODES)) {
      rows.push({ key: `${parent ?? ""}+${group[0].key}`, item: null, items: group });
    } else {
      rows.push(...group.map((item) => ({ key: item.key, item, items: [] })));
    }
  }
  rows.sort((a, b) => (a.item ?? a.items[0]).t - (b.item ?? b.items[0]).t);
  return numbered(rows, parent, level, expanded);
}

/**
 * @param {Row} group
 * @param {number} level
 * @param {Set<string>} expanded
 * @returns {Row[]}
 */
function members(group, level, expanded) {
  if (group.items.length <= MOST_IN_GROUP) {
    const rows = group.items.map((item) => ({ key: item.key, item, items: [] }));
    return numbered(rows, group.key, level, expanded);
  }
  const rows = [];
  const part = Math.max(MOST_IN_GROUP, Math.ceil(group.items.length / MOST_IN_GROUP));
  for (let from = 0; from < group.items.length; from += part) {
    const key = `${group.key}+${from}`;
    rows.push({ key, item: null, items: group.items.slice(from, from + part) });
  }
  return numbered(rows, group.key, level, expanded);
}

/**
 * @param {{key: string, item: Item | null, items: Item[]}[]} rows
 * @param {string | null} parent
 * @param {number} level
 * @param {Set<string>} expanded
 * @returns {Row[]}
 */
function numbered(rows, parent, level, expanded) {
  return rows.map((row, index) => {
    const expandable = row.item === null || row.item.children.length > 0;
    const place = { level, parent, position: index + 1, size: rows.length };
    return { ...row, ...place, expandable, expanded: expandable && expanded.has(row.key) };
  });
}

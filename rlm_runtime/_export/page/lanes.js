/**
 * The timeline: a lane for each row, all to one scale, and how much went on at once.
 *
 * @import { Block, Call, Item, Story } from "./data.js"
 * @import { Row } from "./rows.js"
 */

import { el, svg } from "./dom.js";
import { count, duration } from "./words.js";

const WIDTH = 1000;
const LEAST = 2;
const HEIGHT = 18;
const PEAK = 30;

/**
 * Draws the lane of a row.
 *
 * @param {Row} row
 * @param {Story} story
 * @returns {SVGElement}
 */
export function lane(row, story) {
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
    class: "lane",
  });
  const at = scale(story);
  if (!row.item) {
    for (const item of row.items) drawing.append(bar("life", at(item.t), at(item.end), 7, 4));
    for (const item of row.items) {
      const calls = item.sub ? item.sub.calls ?? [] : [];
      for (const call of calls) drawing.append(...callBars(call, story, "faint "));
    }
    return drawing;
  }
  const { item } = row;
  drawing.append(bar("life", at(item.t), at(item.end), 8, 1.5));
  for (const call of item.sub?.calls ?? []) drawing.append(...callBars(call, story));
  for (const step of item.node?.steps ?? []) {
    const faint = step.old ? "faint " : "";
    const marked = { "data-iteration": step.iteration };
    for (const call of step.calls ?? []) drawing.append(...callBars(call, story, faint, marked));
    for (const block of step.blocks ?? []) {
      drawing.append(...blockBars(block, story, faint, marked));
    }
    for (const note of step.notes ?? []) {
      if (note.kind === "lost" || note.kind === "diverged") drawing.append(cross(at(note.t)));
    }
  }
  return drawing;
}

/**
 * Draws how many model calls and nodes there were at once.
 *
 * @param {Story} story
 * @returns {HTMLElement}
 */
export function overview(story) {
  const calls = [];
  const nodes = [];
  for (const item of story.items.values()) {
    if (item.node) nodes.push({ t: item.t, end: item.end });
    for (const call of callsOf(item)) calls.push({ t: sentAt(call), end: story.endOf(call) });
  }
  const most = { calls: peak(calls), nodes: peak(nodes) };
  const label = `At most ${count(most.calls.most, "model call")} and ` +
    `${count(most.nodes.most, "node")} at once`;
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${PEAK}`, preserveAspectRatio: "none", role: "img", class: "peaks" },
    svg("title", {}, label),
    svg("path", { class: "peak-nodes", d: area(most.nodes, story) }),
    svg("path", { class: "peak-calls", d: area(most.calls, story) }),
  );
  const axis = el("div", { class: "axis", "aria-hidden": "true" });
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    axis.append(el("span", {}, duration(story.seconds * part)));
  }
  return el("div", { class: "overview" }, el("p", {}, label), drawing, axis);
}

/**
 * Gives all model calls of an item itself.
 *
 * @param {Item} item
 * @returns {Call[]}
 */
export function callsOf(item) {
  if (item.sub) return item.sub.calls ?? [];
  return (item.node?.steps ?? []).flatMap((step) => step.calls ?? []);
}

/** Explains the signs of the lanes. */
export function legend() {
  const made = el("p", { class: "legend" });
  const signs = [
    ["model", "model call"],
    ["queued", "queued or waiting to try again"],
    ["code", "code"],
    ["asking", "code waits for sub-calls"],
    ["tool", "tool"],
    ["failed", "failed"],
  ];
  for (const [kind, words] of signs) {
    const sign = svg("svg", { viewBox: "0 0 14 18", class: "sign", "aria-hidden": "true" });
    sign.append(kind === "failed" ? cross(7) : barOf(kind, 0, 14));
    made.append(el("span", {}, /** @type {any} */ (sign), words));
  }
  return made;
}

/** @param {Call} call */
function sentAt(call) {
  return call.attempts?.[0]?.t ?? call.t;
}

/**
 * @param {Call} call
 * @param {Story} story
 * @param {string} [faint]
 * @param {Record<string, number>} [marked]
 */
function callBars(call, story, faint = "", marked = {}) {
  const at = scale(story);
  const end = story.endOf(call);
  const bars = [];
  let from = call.t;
  for (const attempt of call.attempts ?? []) {
    const begin = attempt.t ?? from;
    if (begin > from) bars.push(barOf(`${faint}queued`, at(from), at(begin), marked));
    from = attempt.end ?? end;
    bars.push(barOf(`${faint}model`, at(begin), at(from), marked));
    if (attempt.error) bars.push(cross(at(from)));
  }
  if (!call.attempts) bars.push(barOf(`${faint}model`, at(from), at(end), marked));
  if (call.error && !call.cancelled && !call.attempts) bars.push(cross(at(end)));
  return bars;
}

/**
 * @param {Block} block
 * @param {Story} story
 * @param {string} faint
 * @param {Record<string, number>} marked
 */
function blockBars(block, story, faint, marked) {
  const at = scale(story);
  const end = story.endOf(block);
  const old = block.old ? "faint " : faint;
  const bars = [barOf(`${old}code`, at(block.t), at(end), marked)];
  for (const [from, to] of merged(block.subs ?? [], story)) {
    bars.push(barOf(`${old}asking`, at(from), at(Math.min(to, end)), marked));
  }
  for (const tool of block.tools ?? []) {
    bars.push(barOf(`${old}tool`, at(tool.t), at(story.endOf(tool)), marked));
    if (tool.error && !tool.cancelled) bars.push(cross(at(story.endOf(tool))));
  }
  if (block.error) bars.push(cross(at(end)));
  return bars;
}

/**
 * Joins stretches of time that overlap.
 *
 * @param {{t: number, end?: number}[]} parts
 * @param {Story} story
 * @returns {[number, number][]}
 */
function merged(parts, story) {
  /** @type {[number, number][]} */
  const found = [];
  for (const part of [...parts].sort((a, b) => a.t - b.t)) {
    const last = found.at(-1);
    const end = story.endOf(part);
    if (last && part.t <= last[1]) last[1] = Math.max(last[1], end);
    else found.push([part.t, end]);
  }
  return found;
}

/** @param {{t: number, end: number}[]} parts */
function peak(parts) {
  /** @type {[number, number][]} */
  const turns = parts.flatMap(({ t, end }) => [[t, 1], [Math.max(t, end), -1]]);
  turns.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let [now, most] = [0, 0];
  const steps = turns.map(([t, turn]) => {
    now += turn;
    most = Math.max(most, now);
    return { t, now };
  });
  return { steps, most };
}

/**
 * @param {{steps: {t: number, now: number}[], most: number}} peaks
 * @param {Story} story
 */
function area({ steps, most }, story) {
  const at = scale(story);
  /** @type {Map<number, number>} The highest at each point that can be told from the next. */
  const highest = new Map();
  for (const { t, now } of steps) {
    const x = Math.round(at(t));
    highest.set(x, Math.max(highest.get(x) ?? 0, now));
  }
  const last = new Map(steps.map(({ t, now }) => [Math.round(at(t)), now]));
  const y = (/** @type {number} */ now) =>
    (PEAK - (now / Math.max(1, most)) * (PEAK - 2)).toFixed(1);
  let path = `M0 ${PEAK}`;
  for (const [x, now] of highest) path += `H${x}V${y(now)}H${x + 1}V${y(last.get(x) ?? 0)}`;
  return `${path}V${PEAK}Z`;
}

/** @param {Story} story */
function scale(story) {
  return (/** @type {number} */ t) => Math.min(1, Math.max(0, t / story.seconds)) * WIDTH;
}

/**
 * @param {string} kind
 * @param {number} from
 * @param {number} to
 * @param {Record<string, number>} [marked]
 */
function barOf(kind, from, to, marked = {}) {
  const places = { model: [3, 7], queued: [5, 3], code: [10.5, 5], asking: [12, 2], tool: [15, 3] };
  const name = /** @type {keyof places} */ (kind.split(" ").at(-1));
  const [y, height] = places[name];
  return bar(kind, from, to, y, height, marked);
}

/**
 * @param {string} kind
 * @param {number} from
 * @param {number} to
 * @param {number} y
 * @param {number} height
 * @param {Record<string, number>} [marked]
 */
function bar(kind, from, to, y, height, marked = {}) {
  const width = Math.max(LEAST, to - from);
  const x = Math.min(from, WIDTH - LEAST);
  const place = { x: x.toFixed(1), y, width: width.toFixed(1), height };
  return svg("rect", { class: kind, ...place, ...marked });
}

/** @param {number} x */
function cross(x) {
  return svg("path", {
    class: "failed",
    d: `M${x.toFixed(1)} 1V17`,
    "vector-effect": "non-scaling-stroke",
  });
}

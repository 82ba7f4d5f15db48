/**
 * What the run spent, by model and by node, the heaviest first.
 *
 * @import { Item, Spent, Story } from "./data.js"
 */

import { link } from "./blocks.js";
import { addCall, nothing } from "./data.js";
import { el } from "./dom.js";
import { callsOf } from "./lanes.js";
import { line } from "./texts.js";
import { money, whole } from "./words.js";

const NODES_SHOWN = 100;
const HEADS = ["Calls", "Failed", "Prompt", "Cached", "Reply", "Reasoning", "Cost", "Share"];

/**
 * Shows both tables.
 *
 * @param {Story} story
 * @param {HTMLElement} place
 */
export function showCosts(story, place) {
  const models = new Map();
  for (const item of story.items.values()) {
    for (const call of callsOf(item)) {
      const sum = models.get(call.model) ?? nothing();
      addCall(sum, call);
      models.set(call.model, sum);
    }
  }
  const byModel = [...models].sort(([, a], [, b]) => heavier(a, b));
  place.append(
    table(
      "By model",
      "Model",
      byModel.map(([model, spent]) => [line(model, 80), spent]),
      story.spent,
    ),
  );
  // With its completions: they have no row of their own here
  const nodes = [...story.items.values()].filter((item) => item.node);
  const byNode = nodes.map((item) => /** @type {[Item, Spent]} */ ([item, ofNode(item)]));
  byNode.sort(([, a], [, b]) => heavier(a, b));
  /** @type {[Node | string, Spent][]} */
  const rows = byNode.slice(0, NODES_SHOWN).map(([item, spent]) => [name(item), spent]);
  place.append(table("By node, with its completions", "Node", rows, story.spent));
  if (byNode.length > NODES_SHOWN) {
    place.append(
      el("p", { class: "meta" }, `${whole(byNode.length - NODES_SHOWN)} nodes more cost less`),
    );
  }
}

/** @param {Item} item */
function ofNode(item) {
  const sum = { ...item.own };
  for (const child of item.children) {
    if (!child.sub) continue;
    for (const call of callsOf(child)) addCall(sum, call);
  }
  return sum;
}

/** @param {Item} item */
function name(item) {
  return el("span", {}, link(item.key, `node ${item.key}`), " ", item.title);
}

/**
 * @param {Spent} a
 * @param {Spent} b
 */
function heavier(a, b) {
  const tokens = b.prompt + b.completion - (a.prompt + a.completion);
  return (b.cost ?? Infinity) === (a.cost ?? Infinity)
    ? tokens
    : (b.cost ?? Infinity) - (a.cost ?? Infinity);
}

/**
 * @param {string} caption
 * @param {string} head
 * @param {[Node | string, Spent][]} rows
 * @param {Spent} whole_
 */
function table(caption, head, rows, whole_) {
  const body = el("tbody");
  for (const [first, spent] of rows) {
    const share = whole_.cost && spent.cost !== null ? spent.cost / whole_.cost : 0;
    const meter = el("span", { class: "share" }, el("span", {}));
    /** @type {HTMLElement} */ (meter.firstChild).style.width = `${(share * 100).toFixed(1)}%`;
    const figures = [
      spent.calls,
      spent.failed,
      spent.prompt,
      spent.cached,
      spent.completion,
      spent.thought,
    ];
    body.append(
      el(
        "tr",
        {},
        el("th", { scope: "row" }, first),
        ...figures.map((figure) => el("td", {}, whole(figure))),
        el("td", {}, money(spent.cost)),
        el("td", { class: "part" }, meter, `${(share * 100).toFixed(1)} %`),
      ),
    );
  }
  const heads = [head, ...HEADS].map((one) => el("th", { scope: "col" }, one));
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...heads)), body),
  );
}

/**
 * The run, as the rest of the page wants it: nodes and completions in a tree, with their sums.
 *
 * What is left out in the data has its default. A text is named by its number.
 *
 * @typedef {{t: number, kind: string, text?: number}} Note
 * @typedef {{t?: number, end?: number, error?: number, status?: number, wait?: number,
 *   tokens?: number, cost?: number | null}} Attempt
 * @typedef {{call: number, t: number, model: string, messages?: [string, number][],
 *   attempts?: Attempt[], end?: number, text?: number, reasoning?: number, finish?: string,
 *   prompt?: number, cached?: number, completion?: number, thought?: number,
 *   cost?: number | null, first?: number, served?: string, estimated?: boolean,
 *   recalled?: string, error?: number, cancelled?: boolean, old?: boolean}} Call
 * @typedef {{sub: number, t: number, prompt?: number, context?: number, model?: string,
 *   recursive?: boolean, child?: number, calls?: Call[], end?: number, stop?: string,
 *   answer?: number, type?: string, error?: number}} SubCall
 * @typedef {{call: number, t: number, tool: number, arguments?: number, end?: number,
 *   result?: number, type?: string, error?: number, cancelled?: boolean}} ToolCall
 * @typedef {{block: number, t: number, code?: number, end?: number, stdout?: number,
 *   stderr?: number, error?: number, pending?: number, cut?: boolean, subs?: SubCall[],
 *   tools?: ToolCall[], old?: boolean}} Block
 * @typedef {{iteration: number, calls?: Call[], blocks?: Block[], notes?: Note[],
 *   old?: boolean}} Step
 * @typedef {{node: number, t: number, parent?: number, depth?: number, model?: string,
 *   query?: number, context?: number, expected?: number, end?: number, stop?: string,
 *   answer?: number, type?: string, error?: number, steps?: Step[], old?: boolean}} NodeRecord
 * @typedef {{id: string, version?: string, query?: number, model?: string, sub_model?: string,
 *   started?: number, seconds?: number, status?: string, error?: number, answer?: number,
 *   type?: string, mode?: string, mode_reason?: number,
 *   max_cost?: number | null, ended?: Record<string, number | null>,
 *   segments?: Note[], notes?: Note[]}} Run
 * @typedef {string | [string, number, string]} Text
 * @typedef {{run: Run, nodes: NodeRecord[], texts: Text[], damage: string,
 *   left_out: {events: number, characters: number}}} Data
 *
 * @typedef {{calls: number, failed: number, prompt: number, cached: number, completion: number,
 *   thought: number, cost: number | null}} Spent
 *
 * A node or a completion.
 * @typedef {{key: string, node: NodeRecord | null, sub: SubCall | null, owner: number,
 *   iteration: number, parent: Item | null, children: Item[], t: number, end: number,
 *   status: string, model: string, title: string, old: boolean, own: Spent, all: Spent}} Item
 */

import { line } from "./texts.js";

/** The run, its items, and its texts. */
export class Story {
  /** @param {Data} data */
  constructor(data) {
    this.data = data;
    this.run = data.run;
    this.seconds = Math.max(data.run.seconds ?? 0, 0.001);
    /** @type {Map<string, Item>} In the order in which nodes began. */
    this.items = new Map();
    /** @type {Item[]} */
    this.roots = [];
    for (const record of data.nodes) this.#addNode(record);
    for (const item of [...this.items.values()].reverse()) {
      if (item.parent) addTo(item.parent.all, item.all);
    }
    /** @type {Map<string, Map<string, number>>} How often each model is used at each depth. */
    this.models = new Map();
    for (const item of this.items.values()) {
      const there = this.models.get(levelOf(item)) ?? new Map();
      this.models.set(levelOf(item), there.set(item.model, (there.get(item.model) ?? 0) + 1));
    }
    this.spent = nothing();
    for (const root of this.roots) addTo(this.spent, root.all);
  }

  /**
   * Gives a text, with a mark where the page leaves out a part of it.
   *
   * @param {number | undefined} number
   * @returns {string}
   */
  text(number) {
    const text = this.data.texts[number ?? 0] ?? "";
    if (typeof text === "string") return text;
    const [head, leftOut, tail] = text;
    return `${head}\n⟨… ${
      leftOut.toLocaleString("en")
    } characters are not in this page …⟩\n${tail}`;
  }

  /**
   * Gives when something ended that may never have: then with the process that it was in.
   *
   * @param {{t: number, end?: number}} one
   * @returns {number}
   */
  endOf(one) {
    if (one.end !== undefined) return one.end;
    const next = (this.run.segments ?? []).find((segment) => segment.t > one.t);
    return next?.t ?? this.seconds;
  }

  /**
   * Gives the model that most items of this kind and depth have.
   *
   * @param {Item} item
   */
  usualModel(item) {
    const there = [...(this.models.get(levelOf(item)) ?? [])];
    return there.reduce((most, one) => (one[1] > most[1] ? one : most), ["", 0])[0];
  }

  /**
   * Gives the state of a sub-call.
   *
   * @param {SubCall} sub
   */
  statusOf(sub) {
    if (sub.stop) return sub.stop;
    const last = sub.calls?.at(-1);
    if (last?.end !== undefined) return last.error ? "model_error" : "answered";
    return this.#unfinished();
  }

  #unfinished() {
    const status = this.run.status ?? "";
    return status === "running" || status === "crashed" ? status : "unfinished";
  }

  /** @param {NodeRecord} node */
  #addNode(node) {
    const parent = this.items.get(String(node.parent)) ?? null;
    const item = {
      ...blank(String(node.node), parent, node.t, this.endOf(node)),
      node,
      owner: node.node,
      status: node.stop || this.#unfinished(),
      model: node.model ?? "",
      title: line(this.text(node.query)),
      old: Boolean(node.old || parent?.old),
    };
    this.items.set(item.key, item);
    (parent?.children ?? this.roots).push(item);
    for (const step of node.steps ?? []) {
      for (const call of step.calls ?? []) addCall(item.own, call);
      for (const block of step.blocks ?? []) {
        for (const sub of block.subs ?? []) {
          if (sub.child === undefined) this.#addCompletion(item, step, block, sub);
        }
      }
    }
    addTo(item.all, item.own);
  }

  /**
   * @param {Item} parent
   * @param {Step} step
   * @param {Block} block
   * @param {SubCall} sub
   */
  #addCompletion(parent, step, block, sub) {
    const last = sub.calls?.at(-1);
    const end = this.endOf({ t: sub.t, end: sub.end ?? last?.end });
    const item = {
      ...blank(`${parent.key}/c${sub.sub}`, parent, sub.t, end),
      sub,
      owner: parent.owner,
      iteration: step.iteration,
      status: this.statusOf(sub),
      model: sub.model ?? "",
      title: line(this.text(sub.prompt)),
      old: Boolean(parent.old || block.old || step.old),
    };
    for (const call of sub.calls ?? []) addCall(item.own, call);
    addTo(item.all, item.own);
    this.items.set(item.key, item);
    parent.children.push(item);
  }
}

/** @param {Item} item */
function levelOf(item) {
  return item.sub ? "completion" : `node ${item.node?.depth ?? 0}`;
}

/** @returns {Spent} */
export function nothing() {
  return { calls: 0, failed: 0, prompt: 0, cached: 0, completion: 0, thought: 0, cost: 0 };
}

/**
 * Adds what a call spent, with all its attempts.
 *
 * @param {Spent} sum
 * @param {Call} call
 */
export function addCall(sum, call) {
  addTo(sum, {
    calls: 1,
    failed: (call.attempts ?? []).filter((attempt) => attempt.error).length,
    prompt: call.prompt ?? 0,
    cached: call.cached ?? 0,
    completion: call.completion ?? 0,
    thought: call.thought ?? 0,
    cost: call.cost === undefined ? 0 : call.cost,
  });
  for (const attempt of call.attempts ?? []) {
    sum.prompt += attempt.tokens ?? 0;
    sum.cost = plus(sum.cost, attempt.cost === undefined ? 0 : attempt.cost);
  }
}

/**
 * Adds what was spent elsewhere.
 *
 * @param {Spent} sum
 * @param {Spent} more
 */
export function addTo(sum, more) {
  sum.calls += more.calls;
  sum.failed += more.failed;
  sum.prompt += more.prompt;
  sum.cached += more.cached;
  sum.completion += more.completion;
  sum.thought += more.thought;
  sum.cost = plus(sum.cost, more.cost);
}

/**
 * @param {number | null} one
 * @param {number | null} other
 */
function plus(one, other) {
  return one === null || other === null ? null : one + other;
}

/**
 * @param {string} key
 * @param {Item | null} parent
 * @param {number} t
 * @param {number} end
 * @returns {Item}
 */
function blank(key, parent, t, end) {
  const sums = { own: nothing(), all: nothing() };
  const rest = { node: null, sub: null, owner: 0, iteration: 0, status: "", model: "" };
  return { key, parent, t, end, children: [], title: "", old: false, ...rest, ...sums };
}

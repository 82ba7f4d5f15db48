/**
 * The details of a node or a completion: what it was asked, did and answered.
 *
 * @import { Call, Item, Note, Step, Story } from "./data.js"
 */

import { badge, link, showBlock } from "./blocks.js";
import { addCall, nothing } from "./data.js";
import { el } from "./dom.js";
import { folded, piece, SHOWN_ABOVE } from "./pieces.js";
import { blocksOf, messagesOf } from "./places.js";
import { partsOfReply } from "./reply.js";
import { line } from "./texts.js";
import { count, duration, money, whole } from "./words.js";

/**
 * Shows the details of an item.
 *
 * @param {Story} story
 * @param {Item} item
 * @returns {HTMLElement}
 */
export function details(story, item) {
  const made = el("article", {}, path(item), heading(item), figuresOf(item));
  if (item.old) {
    made.append(el("p", { class: "note" }, "↺ It counts no more: the run went on differently."));
  }
  if (item.sub) showCompletion(story, item, made);
  else showNode(story, item, made);
  return made;
}

/** @param {Item} item */
function path(item) {
  const made = el("nav", { class: "path", "aria-label": "Path to the root" });
  for (let one = item.parent; one; one = one.parent) {
    made.prepend(link(one.key, `node ${one.key}`), " › ");
    if (made.childElementCount > 30) break;
  }
  return made;
}

/** @param {Item} item */
function heading(item) {
  const name = item.sub ? "Completion" : `Node ${item.key}`;
  return el("h2", {}, link(item.key, name), " ", badge(item.status));
}

/** @param {Item} item */
function figuresOf(item) {
  const { own, all } = item;
  const words = [line(item.model, 80)];
  if (item.node) words.push(`depth ${item.node.depth ?? 0}`);
  words.push(duration(item.end - item.t));
  const both = item.children.length > 0;
  words.push(both ? `${money(own.cost)}, with all below ${money(all.cost)}` : money(own.cost));
  const tokens = (/** @type {typeof own} */ spent) => whole(spent.prompt + spent.completion);
  words.push(
    both ? `${tokens(own)} tokens, with all below ${tokens(all)}` : `${tokens(own)} tokens`,
  );
  words.push(count(own.calls, "call"));
  if (own.failed) words.push(count(own.failed, "failed attempt"));
  return el("p", { class: "meta" }, words.join(" · "));
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {HTMLElement} made
 */
function showCompletion(story, item, made) {
  const { sub } = item;
  const calls = sub?.calls ?? [];
  if (calls.length === 0) {
    made.append(label("Prompt"), piece("query", story.text(sub?.prompt), "prose"));
  }
  if (sub?.context) {
    made.append(el("p", { class: "meta" }, `Context: ${line(story.text(sub.context), 400)}`));
  }
  calls.forEach((call, c) => {
    for (const { role, text, place } of messagesOf(call)) {
      made.append(label(role === "user" ? "Prompt" : line(role, 40)));
      made.append(piece(`c${c}.${place}`, story.text(text), "prose"));
    }
    made.append(label(`Reply · ${spentOn(call)}`), ...beforeReply(story, call, `c${c}`));
    if (call.text) made.append(piece(`c${c}.p0`, story.text(call.text), "prose"));
  });
  if (sub?.error) made.append(label("✕ error"), piece("error", story.text(sub.error), "error"));
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {HTMLElement} made
 */
function showNode(story, item, made) {
  const node = item.node;
  if (!node) return;
  made.append(label("Query"), piece("query", story.text(node.query), "prose", SHOWN_ABOVE));
  const context = line(story.text(node.context), 400);
  if (context) made.append(el("p", { class: "meta" }, `Context: ${context}`));
  const expected = line(story.text(node.expected), 400);
  if (expected) made.append(el("p", { class: "meta" }, `The answer must be ${expected}`));
  if (node.answer) {
    const type = node.type ? ` · ${line(node.type, 40)}` : "";
    const name = node.stop === "answered" ? "Answer" : "Partial answer";
    made.append(
      label(`${name}${type}`),
      piece("answer", story.text(node.answer), "output", SHOWN_ABOVE),
    );
  }
  if (node.error) made.append(label("✕ error"), piece("error", story.text(node.error), "error"));
  const steps = (node.steps ?? []).map((step, s) => ({
    step,
    made: showStep(story, item, step, s),
  }));
  const old = steps.filter(({ step }) => step.old).map((one) => one.made);
  if (old.length > 0) {
    const words = `↺ ${count(old.length, "iteration")} that count no more`;
    made.append(el("details", { class: "fold" }, el("summary", {}, words), ...old));
  }
  made.append(...steps.filter(({ step }) => !step.old).map((one) => one.made));
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {Step} step
 * @param {number} s
 */
function showStep(story, item, step, s) {
  const calls = step.calls ?? [];
  const spent = nothing();
  for (const call of calls) addCall(spent, call);
  const name = step.iteration > 0 ? `Iteration ${step.iteration}` : "Before the first iteration";
  const meta = calls.length > 0
    ? `${money(spent.cost)} · ${whole(spent.prompt)} → ${whole(spent.completion)} tokens`
    : "";
  const made = el(
    "section",
    { class: `step${step.old ? " old" : ""}`, "data-iteration": step.iteration, tabindex: -1 },
    el(
      "h3",
      {},
      step.iteration > 0 ? link(`${item.key}/${step.iteration}`, name) : name,
      el("span", { class: "meta" }, meta),
    ),
  );
  calls.forEach((call, c) => showCall(story, item, step, call, s, c, made));
  if (calls.length === 0) {
    (step.blocks ?? []).forEach((block, b) =>
      made.append(showBlock(story, item, block, `${s}.b${b}`))
    );
  }
  for (const note of step.notes ?? []) made.append(showNote(story, note));
  return made;
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {Step} step
 * @param {Call} call
 * @param {number} s
 * @param {number} c
 * @param {HTMLElement} made
 */
function showCall(story, item, step, call, s, c, made) {
  const at = `${s}.c${c}`;
  for (const { role, text, place } of messagesOf(call)) {
    const names = {
      system: "System prompt",
      user: c + s > 0 ? "What it was told" : "First message",
    };
    const name = names[/** @type {keyof names} */ (role)] ?? line(role, 40);
    if (text) made.append(folded(`${at}.${place}`, name, story.text(text), "prose"));
  }
  made.append(el("p", { class: "meta" }, spentOn(call)), ...beforeReply(story, call, at));
  const blocks = blocksOf(step, c);
  const codes = blocks.map((block) => story.text(block.code));
  partsOfReply(story.text(call.text), codes).forEach((part, p) => {
    if ("say" in part) made.append(piece(`${at}.p${p}`, part.say, "prose"));
    else made.append(showBlock(story, item, blocks[part.code], `${s}.b${part.code}`));
  });
}

/**
 * @param {Story} story
 * @param {Call} call
 * @param {string} at
 */
function beforeReply(story, call, at) {
  const made = [];
  (call.attempts ?? []).forEach((attempt, a) => {
    if (!attempt.error) return;
    const wait = attempt.wait === undefined ? "" : `, tried again after ${duration(attempt.wait)}`;
    made.push(label(`✕ attempt ${a + 1} failed${wait}`));
    made.push(piece(`${at}.a${a}`, story.text(attempt.error), "error"));
  });
  if (call.reasoning) {
    made.push(folded(`${at}.reasoning`, "Reasoning", story.text(call.reasoning), "prose"));
  }
  if (call.error) {
    made.push(label(call.cancelled ? "– given up" : "✕ the call failed"));
    made.push(piece(`${at}.error`, story.text(call.error), "error"));
  }
  return made;
}

/** @param {Call} call */
function spentOn(call) {
  const words = [line(call.served ? `${call.model} as ${call.served}` : call.model, 100)];
  if (call.end === undefined) words.push("no reply");
  else words.push(duration(call.end - (call.attempts?.[0]?.t ?? call.t)));
  const queued = (call.attempts?.[0]?.t ?? call.t) - call.t;
  if (queued > 0.05) words.push(`queued ${duration(queued)}`);
  if (call.first !== undefined) words.push(`first token after ${duration(call.first)}`);
  if (call.cached) words.push(`${whole(call.cached)} tokens from the cache`);
  if (call.thought) words.push(`${whole(call.thought)} of reasoning`);
  if (call.estimated) words.push("tokens estimated");
  if (call.recalled) words.push(`recalled from ${line(call.recalled, 40)}`);
  if (call.finish && call.finish !== "stop") words.push(`ended by ${line(call.finish, 40)}`);
  return words.join(" · ");
}

/**
 * @param {Story} story
 * @param {Note} note
 */
function showNote(story, note) {
  const signs = { lost: "✕", diverged: "↺", rejected: "✕", exceeded: "!", rebuilt: "↻" };
  const sign = signs[/** @type {keyof signs} */ (note.kind)] ?? "·";
  const words = `${sign} ${line(story.text(note.text), 600)}`;
  return el("p", { class: `note ${note.kind in signs ? "grave" : ""}` }, words);
}

/** @param {string} words */
function label(words) {
  return el("p", { class: "label" }, words);
}

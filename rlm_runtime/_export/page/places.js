/**
 * Where the texts of a run are: what search looks through, in the order of reading.
 *
 * @import { Call, Item, Step, Story } from "./data.js"
 *
 * @typedef {{key: string, iteration: number, place: string, text: string}} Place
 */

import { partsOfReply } from "./reply.js";

/**
 * Lists the texts of an item with the names by which its details hold them.
 *
 * @param {Story} story
 * @param {Item} item
 * @returns {Place[]}
 */
export function placesOf(story, item) {
  /** @type {Place[]} */
  const places = [];
  const add = (
    /** @type {number} */ iteration,
    /** @type {string} */ place,
    /** @type {string} */ text,
  ) => {
    if (text !== "") places.push({ key: item.key, iteration, place, text });
  };
  if (item.sub) {
    (item.sub.calls ?? []).forEach((call, c) => {
      addTexts(story, call, `c${c}`, null, (place, text) => add(0, place, text));
    });
    if (!item.sub.calls?.length) add(0, "query", story.text(item.sub.prompt));
    add(0, "error", story.text(item.sub.error));
    return places;
  }
  const node = item.node;
  if (!node) return places;
  add(0, "query", story.text(node.query));
  add(0, "answer", story.text(node.answer));
  add(0, "error", story.text(node.error));
  (node.steps ?? []).forEach((step, s) => {
    addStep(story, step, s, (place, text) => add(step.iteration, place, text));
  });
  return places;
}

/**
 * Tells which messages of a call are worth showing: not the replies that are shown already.
 *
 * @param {Call} call
 * @returns {{role: string, text: number, place: string}[]}
 */
export function messagesOf(call) {
  const all = (call.messages ?? []).map(([role, text], m) => ({ role, text, place: `m${m}` }));
  const isFirst = all.some((one) => one.role === "system");
  return all.filter((one) => isFirst || one.role !== "assistant");
}

/**
 * Gives the code blocks of a step that the reply of a call holds: those of the last one.
 *
 * @param {Step} step
 * @param {number} c
 */
export function blocksOf(step, c) {
  return c === (step.calls ?? []).length - 1 ? step.blocks ?? [] : [];
}

/**
 * @param {Story} story
 * @param {Step} step
 * @param {number} s
 * @param {(place: string, text: string) => void} add
 */
function addStep(story, step, s, add) {
  const calls = step.calls ?? [];
  calls.forEach((call, c) => {
    const codes = blocksOf(step, c).map((block) => story.text(block.code));
    addTexts(story, call, `${s}.c${c}`, codes, add);
  });
  (step.blocks ?? []).forEach((block, b) => {
    const at = `${s}.b${b}`;
    add(`${at}.code`, story.text(block.code));
    add(`${at}.stdout`, story.text(block.stdout));
    add(`${at}.stderr`, story.text(block.stderr));
    add(`${at}.error`, story.text(block.error));
    (block.tools ?? []).forEach((tool, t) => {
      add(`${at}.t${t}.arguments`, story.text(tool.arguments));
      add(`${at}.t${t}.result`, story.text(tool.error ?? tool.result));
    });
  });
}

/**
 * @param {Story} story
 * @param {Call} call
 * @param {string} at
 * @param {string[] | null} codes
 * @param {(place: string, text: string) => void} add
 */
function addTexts(story, call, at, codes, add) {
  for (const { role, text, place } of messagesOf(call)) {
    // All nodes have the same one, so it is found in the root alone
    if (role !== "system" || call.call === 0) add(`${at}.${place}`, story.text(text));
  }
  (call.attempts ?? []).forEach((attempt, a) => add(`${at}.a${a}`, story.text(attempt.error)));
  add(`${at}.reasoning`, story.text(call.reasoning));
  partsOfReply(story.text(call.text), codes ?? []).forEach((part, p) => {
    if ("say" in part) add(`${at}.p${p}`, part.say);
  });
  add(`${at}.error`, story.text(call.error));
}

/**
 * A code block in the details of a node: code, output, sub-calls, tools.
 *
 * @import { Block, Item, Story, SubCall, ToolCall } from "./data.js"
 */

import { button, el } from "./dom.js";
import { folded, piece } from "./pieces.js";
import { line } from "./texts.js";
import { count, duration, look, money } from "./words.js";

const SUB_CALLS_SHOWN = 10;

/**
 * Shows a code block.
 *
 * @param {Story} story
 * @param {Item} item The node.
 * @param {Block} block
 * @param {string} at Its name among the blocks of the node.
 * @returns {HTMLElement}
 */
export function showBlock(story, item, block, at) {
  const made = el("div", { class: `block${block.old ? " old" : ""}` });
  if (block.code) made.append(piece(`${at}.code`, story.text(block.code), "code"));
  const subs = block.subs ?? [];
  if (subs.length > 0) made.append(showSubCalls(story, item, subs));
  (block.tools ?? []).forEach((tool, t) => made.append(showTool(story, tool, `${at}.t${t}`)));
  for (const [name, text, kind] of outputsOf(block)) {
    if (!text) continue;
    made.append(
      el(
        "p",
        { class: `label${kind === "error" ? " failure" : ""}` },
        name === "error" ? "✕ error" : name,
      ),
    );
    made.append(piece(`${at}.${name}`, story.text(text), kind));
  }
  made.append(el("p", { class: "meta" }, remarksOn(story, item, block)));
  return made;
}

/**
 * Gives a link to an item.
 *
 * @param {string} key
 * @param {string} words
 */
export function link(key, words) {
  return el("a", { href: `#${key}` }, words);
}

/**
 * Shows a state as a sign and in words.
 *
 * @param {string} status
 */
export function badge(status) {
  const { sign, kind, words } = look(status);
  return el("span", { class: `badge ${kind}` }, `${sign} ${line(words, 40)}`);
}

/**
 * @param {Block} block
 * @returns {[string, number | undefined, "output" | "error"][]}
 */
function outputsOf(block) {
  return [
    ["stdout", block.stdout, "output"],
    ["stderr", block.stderr, "output"],
    ["error", block.error, "error"],
  ];
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {Block} block
 */
function remarksOn(story, item, block) {
  const words = [];
  if (block.end === undefined) words.push("never came to an end");
  else words.push(`ran ${duration(block.end - block.t)}`);
  if (block.cut && block.end !== undefined) {
    const last = item.node?.steps?.findLast((step) => !step.old && step.blocks)?.blocks?.at(-1);
    const answered = item.status === "answered" && block === last;
    words.push(answered ? "gave the answer" : "ended with its node or sandbox");
  }
  if (block.pending) {
    const names = story.text(block.pending).split("\n");
    words.push(`not awaited yet: ${line(names.join(", "), 200)}`);
  }
  return words.join(" · ");
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {SubCall[]} subs
 */
function showSubCalls(story, item, subs) {
  const list = el("ol", { class: "subs" });
  const rows = subs.map((sub) => () => showSubCall(story, item, sub));
  for (const row of rows.slice(0, SUB_CALLS_SHOWN)) list.append(row());
  const made = el(
    "div",
    { class: "calls" },
    el("p", { class: "label" }, count(subs.length, "sub-call")),
    list,
  );
  const rest = rows.slice(SUB_CALLS_SHOWN);
  if (rest.length > 0) {
    const more = button("more", `${count(rest.length, "sub-call")} more`, () => {
      for (const row of rest) list.append(row());
      more.remove();
    });
    made.append(more);
  }
  return made;
}

/**
 * @param {Story} story
 * @param {Item} item
 * @param {SubCall} sub
 */
function showSubCall(story, item, sub) {
  const key = sub.child === undefined ? `${item.key}/c${sub.sub}` : String(sub.child);
  const target = story.items.get(key);
  const status = sub.child === undefined ? story.statusOf(sub) : sub.stop || target?.status || "";
  const { sign, kind, words } = look(status);
  const name = sub.child === undefined ? "llm_query" : `node ${sub.child}`;
  const cost = target ? ` · ${money(target.all.cost)}` : "";
  const told = sub.error ? story.text(sub.error) : story.text(sub.answer);
  return el(
    "li",
    {},
    el("span", { class: `state ${kind}`, title: words, role: "img", "aria-label": words }, sign),
    link(key, name),
    el("span", { class: "figure" }, `${duration(story.endOf(sub) - sub.t)}${cost}`),
    el("span", { class: "asked" }, line(story.text(sub.prompt), 160)),
    el("span", { class: "told" }, `→ ${line(told || words, 160)}`),
  );
}

/**
 * @param {Story} story
 * @param {ToolCall} tool
 * @param {string} at
 */
function showTool(story, tool, at) {
  const seconds = tool.end === undefined ? "unfinished" : duration(tool.end - tool.t);
  const state = tool.error ? (tool.cancelled ? " · – given up" : " · ✕ failed") : "";
  const name = line(story.text(tool.tool), 80);
  const made = el(
    "div",
    { class: "tool" },
    el("p", { class: "label" }, `tool ${name} · ${seconds}${state}`),
  );
  if (tool.arguments) made.append(piece(`${at}.arguments`, story.text(tool.arguments), "output"));
  if (tool.error) made.append(piece(`${at}.result`, story.text(tool.error), "error"));
  else if (tool.result) {
    made.append(
      folded(
        `${at}.result`,
        `result ${line(tool.type ?? "", 40)}`,
        story.text(tool.result),
        "output",
      ),
    );
  }
  return made;
}

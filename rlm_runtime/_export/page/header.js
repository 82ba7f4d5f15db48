/**
 * The head of the page: what was asked, what came of it, and what it cost; and its foot.
 *
 * @import { Story } from "./data.js"
 */

import { badge } from "./blocks.js";
import { el } from "./dom.js";
import { piece } from "./pieces.js";
import { line } from "./texts.js";
import { count, duration, money, short, whole } from "./words.js";

const QUERY_CHARS = 220;

/**
 * Shows the head of the page.
 *
 * @param {Story} story
 * @param {HTMLElement} place
 * @param {HTMLElement} search
 */
export function showHeader(story, place, search) {
  const { run } = story;
  const query = story.text(run.query);
  const began = run.started
    ? new Date(run.started * 1000).toISOString().slice(0, 16).replace("T", " ")
    : "";
  const about = [`run ${line(run.id, 60)}`, began && `${began} UTC`, modelsOf(story)];
  if (run.version) about.push(`rlm ${line(run.version, 20)}`);
  place.append(
    el(
      "div",
      { class: "bar" },
      el("p", { class: "about" }, about.filter(Boolean).join(" · ")),
      search,
    ),
    el("h1", {}, line(query, QUERY_CHARS) || "(no query)"),
    el("dl", { class: "figures" }, ...figures(story)),
  );
  for (const words of remarks(story)) place.append(el("p", { class: "note grave" }, words));
  if (run.answer) {
    const type = run.type ? ` · ${line(run.type, 40)}` : "";
    const name = run.status === "answered" ? "Answer" : "Partial answer";
    const preview = el("span", { class: "preview" }, line(story.text(run.answer), 200));
    const made = el(
      "details",
      { class: "fold answer" },
      el("summary", {}, `${name}${type} `, preview),
    );
    made.append(piece("run.answer", story.text(run.answer), "output"));
    place.append(made);
  }
  if (run.error) place.append(piece("run.error", story.text(run.error), "error"));
}

/**
 * Shows the foot of the page.
 *
 * @param {Story} story
 * @param {HTMLElement} place
 */
export function showFooter(story, place) {
  const { left_out: leftOut, damage } = story.data;
  const words = ["Long texts are cut to 20,000 characters in this page."];
  if (leftOut.characters) words.push(`${count(leftOut.characters, "character")} are left out;`);
  if (leftOut.events) words.push(`${count(leftOut.events, "event")} are left out;`);
  if (leftOut.characters || leftOut.events) words.push("the trace has all of them.");
  if (damage) words.push(line(damage, 400));
  words.push(
    "Keys: arrows, Enter in the tree; / to search, n and N for the next and the last match.",
  );
  place.append(el("p", {}, words.join(" ")));
}

/** @param {Story} story */
function modelsOf({ run }) {
  const root = line(run.model ?? "", 60);
  const sub = line(run.sub_model ?? "", 60);
  return sub && sub !== root ? `${root}, below ${sub}` : root;
}

/** @param {Story} story */
function figures(story) {
  const { run, spent } = story;
  const ended = run.ended ?? {};
  const cost = ended.cost === undefined ? spent.cost : ended.cost;
  const most = run.max_cost;
  const prompt = ended.prompt ?? spent.prompt;
  const completion = ended.completion ?? spent.completion;
  const nodes = [...story.items.values()].filter((item) => item.node).length;
  /** @type {[string, Node | string][]} */
  const all = [
    ["Status", badge(run.status ?? "")],
    ["Cost", most ? `${money(cost)} of ${money(most)}` : money(cost)],
    ["Tokens", `${short(prompt)} in, ${short(completion)} out`],
    ["Model calls", whole(ended.calls ?? spent.calls)],
    ["Nodes", whole(ended.nodes ?? nodes)],
    ["Time", duration(ended.seconds ?? story.seconds)],
  ];
  if (spent.failed) all.push(["Failed attempts", whole(spent.failed)]);
  if (run.mode === "direct") all.push(["Mode", "direct"]);
  return all.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}

/** @param {Story} story */
function remarks(story) {
  const words = [];
  for (const { kind, t, text } of story.run.segments ?? []) {
    const at = `after ${duration(t)}`;
    if (kind === "forked") words.push(`↳ Forked ${at} from ${line(story.text(text), 300)}`);
    else words.push(`↻ Resumed ${at}`);
  }
  for (const { t, text } of story.run.notes ?? []) {
    words.push(`! After ${duration(t)}: ${line(story.text(text), 300)}`);
  }
  return words.length > 12 ? [...words.slice(0, 12), `… and ${words.length - 12} more`] : words;
}

/** Puts the page together, and shows what its address names: `#node`, `#node/iteration`. */

import { showCosts } from "./costs.js";
import { Story } from "./data.js";
import { details } from "./details.js";
import { byId } from "./dom.js";
import { showFooter, showHeader } from "./header.js";
import { Search } from "./search.js";
import { Tree } from "./tree.js";

const story = new Story(JSON.parse(byId("data").textContent ?? ""));
const place = byId("details");
let showing = "";

const search = new Search(story, (key, iteration) => {
  go(key, iteration || null, false);
  return place;
});
showHeader(story, byId("header"), search.element);
showFooter(story, byId("footer"));
const tree = new Tree(story, byId("panel-nodes"), (key, iteration) => go(key, iteration, true));
let hasCosts = false;

/**
 * Shows an item, and names it in the address.
 *
 * @param {string} key
 * @param {number | null} iteration
 * @param {boolean} isChosen Whether somebody asked for it, and not for a text in it.
 */
function go(key, iteration, isChosen) {
  const address = `#${key}${iteration ? `/${iteration}` : ""}`;
  if (location.hash !== address) history.pushState(null, "", address);
  show(key, iteration, isChosen);
}

/**
 * @param {string} key
 * @param {number | null} iteration
 * @param {boolean} scrolls
 */
function show(key, iteration, scrolls) {
  const item = story.items.get(key);
  if (!item) return;
  if (showing !== key) {
    showing = key;
    place.replaceChildren(details(story, item));
    place.scrollTop = 0;
    tree.select(item);
    search.mark(place);
  }
  if (!scrolls) return;
  const step = iteration === null
    ? null
    : place.querySelector(`.step[data-iteration="${iteration}"]:not(.old)`);
  if (step) step.scrollIntoView({ block: "start" });
  else if (getComputedStyle(place).overflowY === "visible") {
    place.scrollIntoView({ block: "start" });
  }
}

/** Shows what the address names, or the first node. */
function follow() {
  const [path, words] = decoded(location.hash.slice(1)).split("?q=");
  if (path === "costs") choose("costs");
  const [, key, iteration] = /^(\d+(?:\/c-?\d+)?)(?:\/(\d+))?$/.exec(path) ?? [];
  const first = story.roots[0]?.key ?? "";
  const found = key !== undefined && story.items.has(key);
  show(found ? key : first, found && iteration ? Number(iteration) : null, found);
  if (words) {
    search.look(words);
    search.step(1);
  }
}

/** @param {string} address */
function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    // A stray percent sign: there is no such place
    return "";
  }
}

/** @param {string} name */
function choose(name) {
  if (name === "costs" && !hasCosts) showCosts(story, byId("panel-costs"));
  hasCosts ||= name === "costs";
  for (const one of ["nodes", "costs"]) {
    const tab = byId(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.setAttribute("tabindex", one === name ? "0" : "-1");
    byId(`panel-${one}`).hidden = one !== name;
  }
}

for (const [name, other] of [["nodes", "costs"], ["costs", "nodes"]]) {
  byId(`tab-${name}`).addEventListener("click", () => choose(name));
  byId(`tab-${name}`).addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    choose(other);
    byId(`tab-${other}`).focus();
  });
}
addEventListener("hashchange", follow);
addEventListener("popstate", follow);
addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement;
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (event.key === "n") search.step(1);
  else if (event.key === "N") search.step(-1);
});
follow();

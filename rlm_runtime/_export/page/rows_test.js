import assert from "node:assert/strict";
import { Story } from "./data.js";
import { expandedAtFirst, listRows, reveal } from "./rows.js";

/**
 * @param {number} completions Of the root.
 * @param {number} levels Of nodes, each below the last.
 */
function story(completions, levels = 1) {
  const subs = Array.from({ length: completions }, (_, sub) => ({
    sub,
    t: sub,
    calls: [{ call: sub, t: sub, model: "m", end: sub + 1, cost: 0.5, prompt: 10 }],
  }));
  const nodes = Array.from({ length: levels }, (_, node) => ({ node, t: node }));
  return new Story({
    run: { id: "r", seconds: 10 },
    nodes: nodes.map(({ node, t }) => ({
      node,
      t,
      parent: node > 0 ? node - 1 : undefined,
      steps: node > 0 ? [] : [{ iteration: 1, blocks: [{ block: 0, t: 0, subs }] }],
    })),
    texts: [""],
    damage: "",
    left_out: { events: 0, characters: 0 },
  });
}

Deno.test("listRows() folds like completions into one row", () => {
  const many = story(40);
  const expanded = expandedAtFirst(many);
  const rows = listRows(many, expanded);
  assert.deepEqual(rows.map(({ key, items }) => [key, items.length]), [["0", 0], ["0+0/c0", 40]]);
  expanded.add("0+0/c0");
  assert.equal(listRows(many, expanded).length, 42);
  assert.equal(listRows(story(3), expandedAtFirst(story(3))).length, 4);
});

Deno.test("listRows() never lists more than 200 rows of a group at once", () => {
  const many = story(1000);
  const expanded = new Set(["0", "0+0/c0"]);
  const rows = listRows(many, expanded);
  assert.deepEqual(rows.slice(2).map(({ items }) => items.length), [200, 200, 200, 200, 200]);
});

Deno.test("reveal() expands all that an item is in", () => {
  const many = story(1000);
  const expanded = expandedAtFirst(many);
  const item = many.items.get("0/c777");
  assert.ok(item);
  reveal(item, expanded);
  assert.ok(listRows(many, expanded).some(({ key }) => key === "0/c777"));
});

Deno.test("Story adds up what all below a node spent", () => {
  const { items, spent } = story(4);
  assert.equal(items.get("0")?.own.calls, 0);
  assert.equal(items.get("0")?.all.cost, 2);
  assert.deepEqual([spent.calls, spent.prompt], [4, 40]);
});

Deno.test("Story and its rows take a tree of any depth", () => {
  const deep = story(0, 50_000);
  const expanded = new Set([...deep.items.keys()]);
  assert.equal(listRows(deep, expanded).length, 50_000);
});

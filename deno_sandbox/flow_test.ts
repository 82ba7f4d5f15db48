import assert from "node:assert/strict";
import { Flow } from "./flow.ts";
import { PIECE } from "./messages.ts";

const ENDLESS = 2 ** 30;

/** Tells whether a promise is settled once all that could settle it has had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return settled;
}

/** A flow all of whose pieces are out, and the next one asked for. */
async function full(patience: number): Promise<[Flow, ArrayBuffer[], Promise<ArrayBuffer>]> {
  const flow = new Flow(patience);
  const out = [];
  for (let i = 0; i < 4; i++) out.push(await flow.take());
  return [flow, out, flow.take()];
}

Deno.test("take() waits for a piece to come back once four are out", async () => {
  const [flow, out, next] = await full(ENDLESS);
  assert.equal(await isSettled(next), false);
  flow.giveBack(out[1]);
  assert.equal(await next, out[1]);
  const another = flow.take();
  assert.equal(await isSettled(another), false);
  flow.giveBack(out[0]);
  assert.equal(await another, out[0]);
});

Deno.test("take() does not wait for a worker that gives nothing back", async () => {
  const [flow, out, next] = await full(1);
  assert.equal((await next).byteLength, PIECE);
  for (let i = 0; i < 100; i++) await flow.take();
  flow.giveBack(out[0]);
  await flow.take();
});

Deno.test("take() does not wait for a worker that stands still", async () => {
  const [flow, out, next] = await full(ENDLESS);
  flow.hurry();
  assert.equal((await next).byteLength, PIECE);
  await flow.take();
  // It takes pieces again: six are out
  for (let i = 0; i < 2; i++) flow.giveBack(out[i]);
  const another = flow.take();
  assert.equal(await isSettled(another), false);
  flow.giveBack(out[2]);
  await another;
});

const JUNK = {
  "nothing": undefined,
  "a text": "x",
  "an empty buffer": new ArrayBuffer(0),
  "a short buffer": new ArrayBuffer(PIECE - 1),
  "a long buffer": new ArrayBuffer(PIECE + 1),
  "a buffer that can shrink": new ArrayBuffer(PIECE, { maxByteLength: PIECE }),
  "an array": new Uint8Array(PIECE),
  "shared memory": new SharedArrayBuffer(PIECE),
  "what only looks like a buffer": { byteLength: PIECE, resizable: false },
};

for (const [name, junk] of Object.entries(JUNK)) {
  Deno.test(`take() gives no buffer that it cannot trust: ${name}`, async () => {
    const [flow, , next] = await full(ENDLESS);
    flow.giveBack(junk);
    const buffer = await next;
    assert.notEqual(buffer, junk);
    assert.equal(buffer.constructor, ArrayBuffer);
    assert.equal(buffer.byteLength, PIECE);
  });
}

Deno.test("giveBack() of more than was taken earns nothing", async () => {
  const flow = new Flow(ENDLESS);
  for (let i = 0; i < 20; i++) flow.giveBack(new ArrayBuffer(PIECE));
  for (let i = 0; i < 4; i++) await flow.take();
  const next = flow.take();
  assert.equal(await isSettled(next), false);
  flow.giveBack(undefined);
  await next;
});

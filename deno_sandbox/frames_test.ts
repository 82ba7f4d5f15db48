import assert from "node:assert/strict";
import { type Frame, FrameReader, writeFrame } from "./frames.ts";

async function readFrame(reader: FrameReader): Promise<Frame | null> {
  const head = await reader.read();
  if (head === null) return null;
  const { json, size } = head;
  const payload = size === undefined ? undefined : await reader.readInto(new Uint8Array(size));
  return { json, payload };
}

/** A source that gives the bytes in pieces of at most `piece`. */
function source(bytes: Uint8Array, piece: number): (into: Uint8Array) => Promise<number | null> {
  let at = 0;
  return (into) => {
    if (at === bytes.length) return Promise.resolve(null);
    const count = Math.min(piece, into.length, bytes.length - at);
    into.set(bytes.subarray(at, at + count));
    at += count;
    return Promise.resolve(count);
  };
}

function written(frames: Frame[], most: number): Uint8Array {
  const bytes: number[] = [];
  for (const frame of frames) {
    writeFrame((part) => {
      const taken = part.subarray(0, most);
      bytes.push(...taken);
      return taken.length;
    }, frame);
  }
  return new Uint8Array(bytes);
}

const FRAMES: Frame[] = [
  { json: "{}" },
  { json: '{"a":"grüße 😀"}', payload: new Uint8Array([13, 10, 13, 10, 0, 255]) },
  { json: "[]", payload: new Uint8Array(0) },
  { json: `"${"x".repeat(70_000)}"`, payload: new Uint8Array(70_001).fill(7) },
  { json: "null" },
];

for (const piece of [1, 2, 7, 65_536]) {
  Deno.test(`a reader gives back what writeFrame() wrote, ${piece} bytes at a time`, async () => {
    const reader = new FrameReader(source(written(FRAMES, piece * 3), piece));
    for (const { json, payload } of FRAMES) {
      assert.deepEqual(await readFrame(reader), { json, payload });
    }
    assert.equal(await readFrame(reader), null);
  });
}

const BROKEN = {
  "a header that is not one": "Hello: 1\r\n\r\n{}",
  "a negative length": "Content-Length: -1\r\n\r\n",
  "a line end without carriage return": "Content-Length: 2\n\n{}\r\n\r\n",
  "an endless header": "Content-Length: 2" + " ".repeat(1000),
  "the end inside of a header": "Content-Le",
  "the end inside of the JSON": "Content-Length: 9\r\n\r\n{}",
  "the end inside of the payload": "Content-Length: 2\r\nPayload-Length: 3\r\n\r\n{}ab",
};

for (const [name, text] of Object.entries(BROKEN)) {
  Deno.test(`a reader refuses ${name}`, async () => {
    const reader = new FrameReader(source(new TextEncoder().encode(text), 5));
    await assert.rejects(() => readFrame(reader), /Cannot read a frame/);
  });
}

Deno.test("read() refuses JSON that is not UTF-8", async () => {
  const bytes = new Uint8Array([...new TextEncoder().encode("Content-Length: 1\r\n\r\n"), 0xff]);
  await assert.rejects(() => new FrameReader(source(bytes, 9)).read(), TypeError);
});

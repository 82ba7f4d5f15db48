import { deepEqual, equal, throws } from "node:assert/strict";
import { openSnapshot, writeSnapshot } from "./pages.ts";

const PAGE = 65_536;
const HEAD = 48;

/** Makes what Pyodide would: a head that says how long it is, and the memory. */
function made(memory: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD + memory.length);
  new Uint32Array(bytes.buffer, 0, 2).set([7, HEAD]);
  bytes.set(memory, HEAD);
  return bytes;
}

/** Writes a file, of which each call takes at most so many bytes. */
function written(memory: Uint8Array, most = Infinity): Uint8Array {
  const file: number[] = [];
  writeSnapshot(made(memory), (bytes) => {
    const some = bytes.subarray(0, most);
    file.push(...some);
    return some.length;
  });
  return Uint8Array.from(file);
}

function reader(file: Uint8Array, most = Infinity): (into: Uint8Array) => number | null {
  let at = 0;
  return (into) => {
    if (at === file.length) return null;
    const some = file.subarray(at, at + Math.min(into.length, most));
    into.set(some);
    at += some.length;
    return some.length;
  };
}

/** A memory as Emscripten has it, that may grow. */
class Target {
  HEAP8: Uint8Array<ArrayBuffer>;
  constructor(pages: number) {
    this.HEAP8 = new Uint8Array(pages * PAGE);
  }
  growMemory(bytes: number): void {
    this.HEAP8 = new Uint8Array(this.HEAP8.buffer.transfer(bytes));
  }
}

function memoryOf(pages: readonly number[]): Uint8Array {
  const memory = new Uint8Array(pages.length * PAGE);
  pages.forEach((value, n) => memory[(n + 1) * PAGE - 1] = value);
  return memory;
}

for (const pages of [[0, 1, 2, 0, 0, 3, 0], [1], [0], [], [0, 0, 5]]) {
  Deno.test(`a snapshot comes back from a file: pages ${pages}`, () => {
    const memory = memoryOf(pages);
    const file = written(memory, 50_000);
    equal(Math.floor(file.length / PAGE), pages.filter((value) => value > 0).length);
    const snapshot = openSnapshot(reader(file, 30_000));
    deepEqual(snapshot.head, made(memory).subarray(0, HEAD));
    const target = new Target(pages.length);
    snapshot.restore(target);
    deepEqual(target.HEAP8, memory);
  });
}

Deno.test("restore() grows a memory that is too small, and leaves a larger one as large", () => {
  for (const before of [1, 9]) {
    const target = new Target(before);
    openSnapshot(reader(written(memoryOf([1, 0, 0, 4])))).restore(target);
    equal(target.HEAP8.length, Math.max(4, before) * PAGE);
    equal(target.HEAP8[4 * PAGE - 1], 4);
  }
});

Deno.test("a file that ends too early is an error wherever it ends", () => {
  const file = written(memoryOf([1, 0, 4]));
  for (const length of [0, 5, 14, 30, 60, 2 * PAGE]) {
    const read = () => openSnapshot(reader(file.subarray(0, length))).restore(new Target(3));
    throws(read, /ends too early/);
  }
});

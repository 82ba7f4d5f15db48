/**
 * The snapshot file: the head that Pyodide wrote, and those pages of its memory that hold anything.
 * Half of them do not, and a page that nobody writes to takes no room in the process.
 */
const PAGE = 65_536;
const WORD = 4;

/** Writes or reads some of the bytes, and says how many. */
type Transfer = (bytes: Uint8Array) => number | null;

/** What the pages go into: the part of Emscripten's module that is needed for it. */
export interface Target {
  readonly HEAP8: Int8Array | Uint8Array;
  growMemory(bytes: number): unknown;
}

/** A snapshot file that is open: its head is read, and its pages are next. */
export interface Snapshot {
  readonly head: Uint8Array;
  /** Reads the pages into a memory that is fresh, so that all others are zeros. */
  restore(target: Target): void;
}

/** Writes the file from a snapshot as Pyodide makes it. */
export function writeSnapshot(made: Uint8Array, write: Transfer): void {
  // Pyodide's head says how long it is
  const memory = made.subarray(new Uint32Array(made.buffer, made.byteOffset, 2)[1]);
  const head = made.subarray(0, made.length - memory.length);
  const runs = findRuns(memory);
  const index = Uint32Array.from([head.length, memory.length, runs.length, ...runs.flat()]);
  transfer(new Uint8Array(index.buffer), write);
  transfer(head, write);
  for (const [start, end] of runs) transfer(memory.subarray(start, end), write);
}

/** Opens the file that `writeSnapshot` wrote. */
export function openSnapshot(read: Transfer): Snapshot {
  const [headLength, memoryLength, count] = readWords(3, read);
  const runs = readWords(2 * count, read);
  const head = transfer(new Uint8Array(headLength), read);
  const restore = (target: Target) => {
    if (target.HEAP8.length < memoryLength) target.growMemory(memoryLength);
    const { buffer } = target.HEAP8;
    for (let at = 0; at < runs.length; at += 2) {
      // Straight into Python's memory: there is no copy that would have to be given back
      transfer(new Uint8Array(buffer, runs[at], runs[at + 1] - runs[at]), read);
    }
  };
  return { head, restore };
}

/** Finds where the pages that hold anything begin and end. */
function findRuns(memory: Uint8Array): [start: number, end: number][] {
  const runs: [start: number, end: number][] = [];
  for (let start = 0; start < memory.length; start += PAGE) {
    if (memory.subarray(start, start + PAGE).every((byte) => byte === 0)) continue;
    const last = runs.at(-1);
    if (last?.[1] === start) last[1] += PAGE;
    else runs.push([start, start + PAGE]);
  }
  return runs;
}

function readWords(count: number, read: Transfer): Uint32Array {
  return new Uint32Array(transfer(new Uint8Array(count * WORD), read).buffer);
}

/** Writes or fills all of the bytes. */
function transfer(bytes: Uint8Array, some: Transfer): Uint8Array {
  for (let done = 0; done < bytes.length;) {
    const count = some(bytes.subarray(done));
    if (count === null) throw new Error("the snapshot file ends too early");
    done += count;
  }
  return bytes;
}

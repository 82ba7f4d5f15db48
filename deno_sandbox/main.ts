/**
 * The main thread: it owns stdio and joins it to the worker that runs the Python code. It never runs
 * that code, so it always sees the end of stdin, and ends the process whatever the worker does.
 */
import { compilePyodide } from "./compile.ts";
import { Flow } from "./flow.ts";
import { FrameReader, writeFrame } from "./frames.ts";
import {
  isPiece,
  isTransit,
  LENGTH,
  PIECE,
  type Start,
  STATE,
  TEXT,
  TEXT_LIMIT,
} from "./messages.ts";
import { strike } from "./signals.ts";

const INTERRUPT_MS = 50;
const [assets = ".", snapshotName, packagesName] = Deno.args;
const replies = new SharedArrayBuffer(TEXT + TEXT_LIMIT);
const words = new Int32Array(replies, 0, 2);
const signals = new SharedArrayBuffer(4);
let blocking: number | undefined;
let revoked = false;

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const flow = new Flow();
worker.onmessage = ({ data }: MessageEvent<unknown>) => {
  // The first message is `ready`: the worker has read its files, and no untrusted byte is here yet
  if (!revoked) Deno.permissions.revokeSync({ name: "read" });
  revoked = true;
  if (isPiece(data)) return flow.giveBack(data.piece.buffer);
  if (!isTransit(data)) return end("its code has sent the main thread what is not a message");
  blocking = data.blocking ?? blocking;
  if (data.blocking !== undefined) flow.hurry();
  writeFrame((bytes) => Deno.stdout.writeSync(bytes), data);
};
worker.onerror = (event) => {
  event.preventDefault();
  end(event.message);
};
// The first listener opens what Deno needs for any other: after `ready` the host lets nothing be opened
Deno.addSignalListener("SIGWINCH", () => {});
await sendStart();
await forward().catch((error) => end(error.message));
Deno.exit(0);

/** Ends the process, and tells the host why. */
function end(message: string): never {
  const params = { message: message.slice(0, 2000) };
  const json = JSON.stringify({ jsonrpc: "2.0", method: "fatal", params });
  writeFrame((bytes) => Deno.stdout.writeSync(bytes), { json });
  Deno.exit(1);
}

/** Reads the files that the worker starts from, and gives up the right to read any other. */
async function sendStart(): Promise<void> {
  const [module, tzdata] = await Promise.all([
    compilePyodide(assets),
    Deno.readFile(`${assets}/tzdata.zip`),
  ]);
  const start: Start = {
    assets,
    module,
    snapshot: snapshotName ? `${assets}/${snapshotName}` : null,
    tzdata: tzdata.buffer,
    packages: packagesName ? `${assets}/${packagesName}` : null,
    replies,
    signals,
  };
  worker.postMessage(start, [start.tzdata]);
}

/** Hands every frame to the worker, until stdin ends. */
async function forward(): Promise<void> {
  const reader = new FrameReader((into) => Deno.stdin.read(into));
  for (let head = await reader.read(); head !== null; head = await reader.read()) {
    const { json, size } = head;
    const { method, id, params } = JSON.parse(json);
    if (size !== undefined) await forwardPayload(reader, json, size);
    else if (method === undefined && id === blocking) release(json);
    else if (method === "interrupt") interrupt(params.cell, json);
    else worker.postMessage({ json });
  }
}

/** Hands a message with a payload to the worker, a large one in pieces as they come. */
async function forwardPayload(reader: FrameReader, json: string, size: number): Promise<void> {
  if (size <= PIECE) {
    const payload = await reader.readInto(new Uint8Array(size));
    return worker.postMessage({ json, payload }, [payload.buffer]);
  }
  worker.postMessage({ json, size });
  for (let left = size; left > 0; left -= PIECE) {
    const buffer = await flow.take();
    const piece = await reader.readInto(new Uint8Array(buffer, 0, Math.min(PIECE, left)));
    worker.postMessage({ piece }, [buffer]);
  }
}

/** Stops a cell: where it runs by a signal, where it waits by a message, again until it has ended. */
function interrupt(cell: number, json: string): void {
  if (!strike(signals, cell)) return;
  worker.postMessage({ json });
  setTimeout(() => interrupt(cell, json), INTERRUPT_MS);
}

/** Writes a reply where the worker waits for it, and wakes the worker. */
function release(json: string): void {
  blocking = undefined;
  const text = new TextEncoder().encode(json);
  new Uint8Array(replies, TEXT).set(text.subarray(0, TEXT_LIMIT));
  Atomics.store(words, LENGTH, Math.min(text.length, TEXT_LIMIT));
  Atomics.store(words, STATE, 1);
  Atomics.notify(words, STATE);
}

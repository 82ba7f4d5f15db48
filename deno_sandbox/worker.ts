/** The worker: it owns Pyodide, and joins the Python side of the wire to the main thread. */
import { installBootstrap, readBootstrap } from "./bootstrap.ts";
import { LENGTH, type Piece, type Start, STATE, TEXT, type Transit } from "./messages.ts";
import { unpackTar } from "./packages.ts";
import { openSnapshot } from "./pages.ts";
import { startPyodide } from "./pyodide.ts";
import { endCell, signalBuffer } from "./signals.ts";

const post = self.postMessage.bind(self);
const MOST_CHARS = 100_000;
let write = (text: string) => notify("output", { stream: "stderr", text, omitted: 0 });

self.onmessage = async ({ data }: MessageEvent<Start>) => {
  const { assets, module, snapshot, tzdata, packages, replies, signals } = data;
  captureConsole();
  announceEnd();
  const file = snapshot === null ? null : Deno.openSync(snapshot);
  const opened = file && openSnapshot((into) => file.readSync(into));
  const pyodide = await startPyodide(assets, module, opened);
  file?.close();
  if (snapshot === null) installBootstrap(pyodide, await readBootstrap(assets));
  pyodide.FS.writeFile("/lib/tzdata.zip", new Uint8Array(tzdata));
  const { PACKAGES, start } = pyodide.pyimport("bootstrap.start");
  if (packages !== null) unpackTar(await Deno.readFile(packages), PACKAGES, pyodide.FS);
  await Deno.permissions.revoke({ name: "read" });
  pyodide.setInterruptBuffer(signalBuffer(signals));
  const over = endCell.bind(null, signals);
  const blocking = ask.bind(null, replies);
  const [receive, take, writeStderr] = start(send, blocking, over, copyText(pyodide));
  const writeDirectly = write;
  write = (text) => {
    try {
      writeStderr(text);
    } catch (error) {
      // What Python raises is for the code that prints; Pyodide has died of anything else
      if (error instanceof pyodide.ffi.PythonError) throw error;
      writeDirectly(text);
    }
  };
  // A Python whose memory makes no sense would run for ever, and Pyodide prints why it dies
  beforeDeath(pyodide, () => write = writeDirectly);
  self.onmessage = ({ data }: MessageEvent<Transit | Piece>) => {
    try {
      if ("json" in data) return receive(data.json, data.payload, data.size);
      take(data.piece);
      post(data, [data.piece.buffer]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      notify("fatal", { message: message.slice(-2000) });
      throw error;
    }
  };
};

/** Calls a function when Pyodide finds that it cannot go on, before it says so. */
function beforeDeath(pyodide: object, call: () => void): void {
  const { _api } = pyodide as { _api: { fatal_error: (error: unknown) => void } };
  const die = _api.fatal_error;
  _api.fatal_error = (error) => {
    call();
    die(error);
  };
}

/** Python's own way to fill in a text, which saves a copy of it; Pyodide has no other name for it. */
function copyText(pyodide: object): unknown {
  const { _module } = pyodide as { _module: Record<string, unknown> };
  return _module._PyUnicode_CopyCharacters;
}

function send(json: string, payload?: Uint8Array<ArrayBuffer>, blocking?: number): void {
  const transit: Transit = { json, payload, blocking };
  post(transit, payload ? [payload.buffer] : []);
}

function notify(method: string, params: Record<string, unknown>): void {
  send(JSON.stringify({ jsonrpc: "2.0", method, params }));
}

/** Sends a request and stands still until its reply is there. */
function ask(
  replies: SharedArrayBuffer,
  json: string,
  payload: Uint8Array<ArrayBuffer> | undefined,
  blocking: number,
): string {
  const words = new Int32Array(replies, 0, 2);
  Atomics.store(words, STATE, 0);
  send(json, payload, blocking);
  Atomics.wait(words, STATE, 0);
  const text = new Uint8Array(replies, TEXT, Atomics.load(words, LENGTH));
  // A decoder does not take shared memory, hence the copy
  return new TextDecoder().decode(text.slice());
}

/** Makes what JavaScript prints output, within the bounds of Python's: a console writes to the wire. */
function captureConsole(): void {
  const print = (...values: unknown[]) => {
    const text = values.map(String).join(" ");
    const rest = text.length - MOST_CHARS;
    const gap = rest > 0 ? `\n… ${rest} characters left out …` : "";
    write(`${text.slice(0, MOST_CHARS)}${gap}\n`.toWellFormed());
  };
  globalThis.console = new Proxy(globalThis.console, { get: () => print });
}

/** Tells the host that code ends the worker: the main thread would wait for it without end. */
function announceEnd(): void {
  const message = "its code has ended the worker";
  const exit = Deno.exit;
  const close = self.close.bind(self);
  Deno.exit = (code) => {
    notify("fatal", { message });
    return exit(code);
  };
  self.close = () => {
    notify("fatal", { message });
    close();
  };
}

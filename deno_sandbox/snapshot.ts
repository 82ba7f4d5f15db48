/** Builds the memory snapshot: Pyodide with the Python side installed. Runs at set-up only. */
import { installBootstrap, readBootstrap } from "./bootstrap.ts";
import { compilePyodide } from "./compile.ts";
import { openSnapshot, writeSnapshot } from "./pages.ts";
import { startPyodide } from "./pyodide.ts";

const [assets = ".", target = "snapshot.bin"] = Deno.args;
const module = await compilePyodide(assets);
const pyodide = await startPyodide(assets, module, null, { _makeSnapshot: true });
installBootstrap(pyodide, await readBootstrap(assets));
using file = Deno.openSync(target, { read: true, write: true, create: true });
writeSnapshot(pyodide.makeMemorySnapshot(), (bytes) => file.writeSync(bytes));
// One that cannot be restored here is of no use
file.seekSync(0, Deno.SeekMode.Start);
const restored = await startPyodide(assets, module, openSnapshot((into) => file.readSync(into)));
restored.pyimport("bootstrap.start");

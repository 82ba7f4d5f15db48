/** Builds the memory snapshot: Pyodide with the Python side installed. Runs at set-up only. */
import { installBootstrap, readBootstrap } from "./bootstrap.ts";
import { startPyodide } from "./pyodide.ts";

const [assets = ".", target = "snapshot.bin"] = Deno.args;
const pyodide = await startPyodide(assets, { _makeSnapshot: true });
installBootstrap(pyodide, await readBootstrap(assets));
await Deno.writeFile(target, pyodide.makeMemorySnapshot());

import type { PyodideAPI } from "pyodide";

/** The Python side of the sandbox: what `install.py` installs, as JSON, and its own source. */
export interface Bootstrap {
  readonly modules: string;
  readonly install: string;
}

/** Reads the Python side from the asset folder. */
export async function readBootstrap(assets: string): Promise<Bootstrap> {
  const { install, modules } = JSON.parse(await Deno.readTextFile(`${assets}/bootstrap.json`));
  return { install, modules: JSON.stringify(modules) };
}

/** Installs the Python side; a string is all that crosses, so that a snapshot holds no proxy. */
export function installBootstrap(pyodide: PyodideAPI, bootstrap: Bootstrap): void {
  pyodide.globals.set("modules", bootstrap.modules);
  pyodide.runPython(bootstrap.install);
}

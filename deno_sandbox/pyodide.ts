import { loadPyodide, type PyodideAPI } from "pyodide";
import createPyodideModule from "pyodide/pyodide.asm.mjs";

type Options = Pick<Parameters<typeof loadPyodide>[0] & object, "_loadSnapshot" | "_makeSnapshot">;

/** Starts Pyodide from the asset folder, without reading or fetching anything else. */
export function startPyodide(assets: string, options: Options): Promise<PyodideAPI> {
  return loadPyodide({
    indexURL: `${assets}/pyodide/`,
    // Imported statically: nothing may be imported once the right to read is revoked
    createPyodideModule,
    // No packages: nothing can be installed from inside
    lockFileContents: JSON.stringify({ info: { abi_version: "2026_0" }, packages: {} }),
    // What C code prints belongs to nobody, and stdout is the wire
    stdout: () => {},
    stderr: () => {},
    ...options,
  });
}

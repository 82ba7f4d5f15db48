import { loadPyodide, type PyodideAPI } from "pyodide";
import type { Snapshot } from "./pages.ts";

type Options = Parameters<typeof loadPyodide>[0] & object;
type Create = Options["createPyodideModule"] & object;
type Instantiate = Parameters<Create>[0]["instantiateWasm"];

const createPyodideModule = evaluate(new URL("./pyodide/pyodide.asm.mjs", import.meta.url));

/** Starts Pyodide from the asset folder, from a snapshot if there is one, and fetches nothing. */
export function startPyodide(
  assets: string,
  module: WebAssembly.Module,
  snapshot: Snapshot | null,
  options: Options = {},
): Promise<PyodideAPI> {
  // Where this is there, Pyodide does not read the interpreter, which we have: it waits for nothing,
  // and so the read could come after the right to read is revoked
  Object.assign(globalThis, { WasmOffsetConverter: null });
  return loadPyodide({
    indexURL: `${assets}/pyodide/`,
    createPyodideModule: async (settings) => {
      const changed = Object.assign(settings, { instantiateWasm: instantiate(module) });
      Reflect.deleteProperty(globalThis, "WasmOffsetConverter");
      const created = await createPyodideModule(changed);
      snapshot?.restore(created as never);
      return created;
    },
    // Pyodide checks the head, and finds no memory behind it to copy
    _loadSnapshot: snapshot?.head,
    // Else Python tells where the assets lie, and with it whose machine this is
    _sysExecutable: "/usr/bin/python3",
    // The order of a set of texts is the same in every sandbox, and so is what code run again prints;
    // the Python side clears the environment
    env: { PYTHONHASHSEED: "0" },
    // No packages: nothing can be installed from inside
    lockFileContents: JSON.stringify({ info: { abi_version: "2026_0" }, packages: {} }),
    // The real one is the wire: code that reads it would wait, and take what the host sends
    stdin: () => null,
    // What C code prints belongs to nobody, and stdout is the wire
    stdout: () => {},
    stderr: () => {},
    ...options,
  });
}

/** Evaluates Emscripten's module as a function: an import parses its 1.25 MB twice, for 0.07 s. */
function evaluate(url: URL): Create {
  const text = Deno.readTextFileSync(url).replaceAll("import.meta.url", "url");
  return new Function("url", text.replace("export default ", "return "))(url.href);
}

/** Instantiates a module that is compiled already; Pyodide would read and compile it here. */
function instantiate(module: WebAssembly.Module): Instantiate {
  const marker = Symbol("error marker");
  return (imports, done) => {
    Object.assign(imports.env, {
      Jsv_GetError_import: () => marker,
      JsvError_Check: (value: unknown) => value === marker,
    });
    WebAssembly.instantiate(module, imports).then((instance) => done(instance, module));
    return {};
  };
}

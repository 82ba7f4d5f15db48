/** Reads and compiles the interpreter; the result may go to another thread, and is not copied. */
export async function compilePyodide(assets: string): Promise<WebAssembly.Module> {
  const bytes = await Deno.readFile(`${assets}/pyodide/pyodide.asm.wasm`);
  const module = await WebAssembly.compile(bytes);
  // The engine has its own copy, and the garbage collector might take its time
  bytes.buffer.transfer(0);
  return module;
}

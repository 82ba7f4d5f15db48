import assert from "node:assert/strict";
import { type Files, unpackTar } from "./packages.ts";

function entry(prefix: string, name: string, data: string): Uint8Array {
  const bytes = new TextEncoder().encode(data);
  const made = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  const put = (text: string, at: number) => made.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put(bytes.length.toString(8).padStart(11, "0"), 124);
  put("ustar\x0000", 257);
  put(prefix, 345);
  made.set(bytes, 512);
  return made;
}

function tar(...entries: Uint8Array[]): Uint8Array {
  const all = [...entries, new Uint8Array(1024)];
  const made = new Uint8Array(all.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of all) {
    made.set(one, at);
    at += one.length;
  }
  return made;
}

class Memory implements Files {
  readonly folders: string[] = [];
  readonly files: Record<string, string> = {};

  mkdirTree(path: string): void {
    this.folders.push(path);
  }

  writeFile(path: string, data: Uint8Array): void {
    this.files[path] = new TextDecoder().decode(data);
  }
}

Deno.test("unpackTar() puts every file in its place, making each folder once", () => {
  const memory = new Memory();
  const long = "n".repeat(100);
  unpackTar(
    tar(
      entry("", "a.py", "x".repeat(512)),
      entry("", "pkg/__init__.py", ""),
      entry("", "pkg/ünd.py", "y".repeat(513)),
      entry("deep/er", long, "end"),
    ),
    "/site",
    memory,
  );
  assert.deepEqual(memory.files, {
    "/site/a.py": "x".repeat(512),
    "/site/pkg/__init__.py": "",
    "/site/pkg/ünd.py": "y".repeat(513),
    [`/site/deep/er/${long}`]: "end",
  });
  assert.deepEqual(memory.folders, ["/site", "/site/pkg", "/site/deep/er"]);
});

Deno.test("unpackTar() takes an archive of nothing", () => {
  const memory = new Memory();
  unpackTar(tar(), "/site", memory);
  assert.deepEqual(memory.files, {});
});

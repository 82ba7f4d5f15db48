import assert from "node:assert/strict";
import { tokens } from "./python.js";

/** @param {string} code */
const kinds = (code) =>
  tokens(code).filter(({ kind }) => kind !== "").map(({ kind, text }) => [kind, text]);

Deno.test("tokens() tells words, names and numbers apart", () => {
  assert.deepEqual(kinds("async def f(x): return await llm_query(g(0x1F, 2.5e-3))"), [
    ["word", "async"],
    ["word", "def"],
    ["defined", "f"],
    ["word", "return"],
    ["word", "await"],
    ["given", "llm_query"],
    ["called", "g"],
    ["number", "0x1F"],
    ["number", "2.5e-3"],
  ]);
});

Deno.test("tokens() ends a string where Python does", () => {
  assert.deepEqual(kinds(`a = 'it\\'s' # "no"\nb = rf"""x\n"y" \\""" z"""`), [
    ["string", `'it\\'s'`],
    ["comment", '# "no"'],
    ["string", `rf"""x\n"y" \\""" z"""`],
  ]);
  assert.deepEqual(kinds('x = "open\ny = 1'), [["string", '"open'], ["number", "1"]]);
  assert.deepEqual(kinds("x = '''open\ny = 1"), [["string", "'''open\ny = 1"]]);
});

Deno.test("tokens() together are the code, whatever it is", () => {
  const codes = ["", "\ud800'", '"""', "\\", "@a.b\ndef é(): ...", "'\\".repeat(50), "\u{1F600}=1"];
  for (const code of codes) {
    assert.equal(tokens(code).map(({ text }) => text).join(""), code);
  }
});

Deno.test("tokens() does not choke on a long line", () => {
  for (const part of ["'", '"""', "#", "\\", "0_", "x", '"\\', "'''\\"]) {
    const code = part.repeat(20_000);
    assert.equal(tokens(code).map(({ text }) => text).join(""), code);
  }
});

import assert from "node:assert/strict";
import { line, plain } from "./texts.js";

Deno.test("plain() shows what a browser would hide or obey", () => {
  assert.equal(plain("\u0000\u001b[1m\u007f"), "⟨U+0000⟩⟨ESC⟩[1m⟨U+007F⟩");
  assert.equal(plain("a\u202eb\u200b\ufeff\u009b"), "a⟨U+202E⟩b⟨U+200B⟩⟨U+FEFF⟩⟨U+009B⟩");
  assert.equal(plain("\u{e0041}"), "⟨U+E0041⟩");
});

Deno.test("plain() shows halves of pairs, and leaves whole ones alone", () => {
  assert.equal(plain("\ud83d"), "⟨U+D83D⟩");
  assert.equal(plain("\ude00\ud83d\ude00"), "⟨U+DE00⟩\u{1F600}");
});

Deno.test("plain() leaves lines and tabs alone, and shows a lone carriage return", () => {
  assert.equal(plain("a\r\nb\tc\rd"), "a\nb\tc⟨U+000D⟩d");
});

Deno.test("line() gives one line, and no more than it may", () => {
  assert.equal(line("  a\n\n b\t c  "), "a b c");
  assert.equal(line("x".repeat(1_000_000), 10), "xxxxxxxxx…");
});

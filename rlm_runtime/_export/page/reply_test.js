import assert from "node:assert/strict";
import { partsOfReply } from "./reply.js";

Deno.test("partsOfReply() puts code where it stands in the reply", () => {
  const reply = "First.\n\n```repl\nx = 1\n```\nThen:\n~~~python\ny = 2\n\n~~~\nDone.";
  assert.deepEqual(partsOfReply(reply, ["x = 1\n", "y = 2\n"]), [
    { say: "First." },
    { code: 0 },
    { say: "Then:" },
    { code: 1 },
    { say: "Done." },
  ]);
});

Deno.test("partsOfReply() keeps all that is said where the code is not in it", () => {
  assert.deepEqual(partsOfReply("Only words.", ["x = 1"]), [{ say: "Only words." }, { code: 0 }]);
  assert.deepEqual(partsOfReply("a\n```\ny\n```\nb", ["x", "y"]), [
    { code: 0 },
    { say: "a" },
    { code: 1 },
    { say: "b" },
  ]);
  assert.deepEqual(partsOfReply("```repl\nx", ["x"]), [{ code: 0 }]);
  assert.deepEqual(partsOfReply("", []), []);
});

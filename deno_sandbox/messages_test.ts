import assert from "node:assert/strict";
import { isTransit } from "./messages.ts";

const MESSAGES: unknown[] = [
  { json: "{}" },
  { json: "{}", payload: undefined, blocking: undefined },
  { json: "{}", payload: new Uint8Array(3), blocking: 0 },
];

const OTHERS: Record<string, unknown> = {
  "nothing": undefined,
  "null": null,
  "a number": 5,
  "text": "{}",
  "an array": [],
  "no JSON": {},
  "JSON that is no text": { json: 5 },
  "JSON that is an object": { json: { length: 2 } },
  "a payload of text": { json: "{}", payload: "abc" },
  "a payload that is null": { json: "{}", payload: null },
  "a payload that has a length only": { json: "{}", payload: { length: 5 } },
  "a payload of numbers": { json: "{}", payload: new Float64Array(3) },
  "a buffer": { json: "{}", payload: new ArrayBuffer(3) },
  "a shared buffer": { json: "{}", payload: new SharedArrayBuffer(3) },
  "shared bytes": { json: "{}", payload: new Uint8Array(new SharedArrayBuffer(3)) },
  "a blocking id of text": { json: "{}", blocking: "0" },
  "a blocking id of null": { json: "{}", blocking: null },
  "a blocking id that is no number": { json: "{}", blocking: NaN },
};

Deno.test("isTransit() takes messages", () => {
  for (const message of MESSAGES) assert.ok(isTransit(structuredClone(message)));
});

for (const [name, other] of Object.entries(OTHERS)) {
  Deno.test(`isTransit() refuses ${name}`, () => assert.ok(!isTransit(structuredClone(other))));
}

import assert from "node:assert/strict";
import { endCell, signalBuffer, strike } from "./signals.ts";

Deno.test("strike() leaves a signal for a cell that is not over, again each time", () => {
  const signals = new SharedArrayBuffer(4);
  const buffer = signalBuffer(signals);
  for (let n = 0; n < 2; n++) {
    assert.equal(strike(signals, 1), true);
    assert.equal(buffer[0], 2);
    buffer[0] = 0;
  }
});

Deno.test("strike() leaves no signal for a cell that is over", () => {
  const signals = new SharedArrayBuffer(4);
  endCell(signals, 70_000);
  assert.equal(strike(signals, 70_000), false);
  assert.equal(signalBuffer(signals)[0], 0);
  assert.equal(strike(signals, 70_001), true);
});

Deno.test("endCell() takes back a signal that came too late", () => {
  const signals = new SharedArrayBuffer(4);
  strike(signals, 1);
  endCell(signals, 1);
  assert.equal(signalBuffer(signals)[0], 0);
});

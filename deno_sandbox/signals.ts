/**
 * The word of shared memory through which the main thread interrupts the worker. Its lowest byte is the
 * signal, which Pyodide takes; the rest is the number of the first cell that is not over.
 */
const CELL_SHIFT = 8;
const SIGINT = 2;

/** Interrupts the code that runs now, if the cell is not over; tells whether it is not. */
export function strike(signals: SharedArrayBuffer, cell: number): boolean {
  const word = new Int32Array(signals);
  const state = Atomics.load(word, 0);
  if (state >> CELL_SHIFT > cell) return false;
  // Has no effect if the cell has ended meanwhile: the signal would hit the next one
  Atomics.compareExchange(word, 0, state, state | SIGINT);
  return true;
}

/** Notes that a cell is over, and takes back a signal that came too late for it. */
export function endCell(signals: SharedArrayBuffer, cell: number): void {
  Atomics.store(new Int32Array(signals), 0, (cell + 1) << CELL_SHIFT);
}

/** Gives the part of the word that Pyodide reads signals from. */
export function signalBuffer(signals: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(signals, 0, 1);
}

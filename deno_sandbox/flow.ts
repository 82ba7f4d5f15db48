import { PIECE } from "./messages.ts";

const MOST_OUT = 4;
const PATIENCE_MS = 500;

/**
 * The pieces of a large payload on their way to the worker: a few at a time, as long as the worker
 * takes any. Code that spins does not, and then all go at once: behind them may come a message that
 * the main thread answers itself, or the end of stdin.
 */
export class Flow {
  #spare: ArrayBuffer[] = [];
  #out = 0;
  #impatient = false;
  #wake = () => {};
  readonly #patience: number;

  /** `patience`: how many milliseconds a worker that takes nothing is waited for. */
  constructor(patience = PATIENCE_MS) {
    this.#patience = patience;
  }

  /** Gives a buffer to fill, once it is time for another piece. */
  async take(): Promise<ArrayBuffer> {
    while (this.#out >= MOST_OUT && !this.#impatient) await this.#wait();
    this.#out++;
    return this.#spare.pop() ?? new ArrayBuffer(PIECE);
  }

  /** Takes back what the worker has read; code in the worker may send anything. */
  giveBack(buffer: unknown): void {
    this.#out = Math.max(0, this.#out - 1);
    const whole = buffer instanceof ArrayBuffer && buffer.byteLength === PIECE;
    if (whole && !buffer.resizable && this.#spare.length < MOST_OUT) this.#spare.push(buffer);
    this.#impatient = false;
    this.#wake();
  }

  /** Waits no longer: the worker stands still until the main thread has answered it. */
  hurry(): void {
    this.#impatient = true;
    this.#wake();
  }

  async #wait(): Promise<void> {
    const timer = setTimeout(() => this.hurry(), this.#patience);
    await new Promise<void>((resolve) => this.#wake = resolve);
    clearTimeout(timer);
  }
}

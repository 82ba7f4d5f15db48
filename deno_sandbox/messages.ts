/** What the main thread and the worker say to each other; the JSON is a message of PROTOCOL.md. */

/** The first message to the worker: all that it needs to start. */
export interface Start {
  readonly assets: string;
  readonly module: WebAssembly.Module;
  /** Path of the snapshot, if there is one. */
  readonly snapshot: string | null;
  readonly tzdata: ArrayBuffer;
  readonly packages: string | null;
  readonly replies: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
}

/**
 * A message in transit; `blocking` is the id of a request that the worker stands still for. `size` is
 * that of a payload which follows in pieces.
 */
export interface Transit {
  readonly json: string;
  readonly payload?: Uint8Array<ArrayBuffer>;
  readonly blocking?: number;
  readonly size?: number;
}

/** The next bytes of a payload, on their way to the worker; the empty buffer, on its way back. */
export interface Piece {
  readonly piece: Uint8Array<ArrayBuffer>;
}

/** Length of a piece in bytes; a payload of at most so many travels with its message. */
export const PIECE = 1 << 20;

/** Words of the shared memory in which the worker waits for a reply: its state, its length. */
export const STATE = 0;
export const LENGTH = 1;
/** Where the text of the reply begins, in bytes, and how long it may be. */
export const TEXT = 8;
export const TEXT_LIMIT = 65_536;

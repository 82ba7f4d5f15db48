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

/** Tells whether a message of the worker gives a piece back; generated code can post anything. */
export function isPiece(data: unknown): data is Piece {
  return typeof data === "object" && data !== null && "piece" in data &&
    data.piece instanceof Uint8Array;
}

/** Length of a piece in bytes; a payload of at most so many travels with its message. */
export const PIECE = 1 << 20;

/** Tells whether a message of the worker is one; generated code can post anything. */
export function isTransit(data: unknown): data is Transit {
  if (typeof data !== "object" || data === null) return false;
  const { json, payload, blocking } = data as Record<string, unknown>;
  // Shared memory could change between the header and the bytes
  const ownsBytes = payload instanceof Uint8Array && payload.buffer instanceof ArrayBuffer;
  return typeof json === "string" &&
    (payload === undefined || ownsBytes) &&
    (blocking === undefined || Number.isSafeInteger(blocking));
}

/** Words of the shared memory in which the worker waits for a reply: its state, its length. */
export const STATE = 0;
export const LENGTH = 1;
/** Where the text of the reply begins, in bytes, and how long it may be. */
export const TEXT = 8;
export const TEXT_LIMIT = 65_536;

/** A JSON text, and the payload that follows it in the frame. */
export interface Frame {
  readonly json: string;
  readonly payload?: Uint8Array<ArrayBuffer>;
}

/** A JSON text, and the length of the payload that follows it. */
export interface Head {
  readonly json: string;
  readonly size?: number;
}

const HEADER = /^Content-Length: (\d{1,15})\r\n(?:Payload-Length: (\d{1,15})\r\n)?\r\n$/;
const HEADER_LIMIT = 256;
const LINE_FEED = 10;

/** Reads frames from a byte source; PROTOCOL.md, "Frames". */
export class FrameReader {
  readonly #fill: (into: Uint8Array) => Promise<number | null>;
  readonly #buffer = new Uint8Array(65536);
  #start = 0;
  #end = 0;

  /** `fill` reads at least one byte into an array and tells how many; null is the end. */
  constructor(fill: (into: Uint8Array) => Promise<number | null>) {
    this.#fill = fill;
  }

  /**
   * Reads the next frame up to its payload, which is to be read before the next one; null when the
   * source has ended. Throws on what is not a frame.
   */
  async read(): Promise<Head | null> {
    const header = await this.#readHeader();
    if (header === null) return null;
    const match = HEADER.exec(header);
    if (match === null) throw new Error(`Cannot read a frame: bad header ${header.slice(0, 80)}`);
    const json = await this.readInto(new Uint8Array(Number(match[1])));
    const size = match[2] === undefined ? undefined : Number(match[2]);
    return { json: new TextDecoder("utf-8", { fatal: true }).decode(json), size };
  }

  /** Fills an array with the next bytes of the frame, and returns it. */
  async readInto(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const size = bytes.length;
    const ready = Math.min(size, this.#end - this.#start);
    bytes.set(this.#buffer.subarray(this.#start, this.#start + ready));
    this.#start += ready;
    for (let filled = ready; filled < size;) {
      const count = await this.#fill(bytes.subarray(filled));
      if (count === null) throw new Error("Cannot read a frame: the source ended inside of it");
      filled += count;
    }
    return bytes;
  }

  async #readHeader(): Promise<string | null> {
    let header = "";
    while (!header.endsWith("\r\n\r\n")) {
      if (this.#start === this.#end && !(await this.#refill())) {
        if (header === "") return null;
        throw new Error("Cannot read a frame: the source ended inside of a header");
      }
      const found = this.#buffer.subarray(this.#start, this.#end).indexOf(LINE_FEED);
      const stop = found < 0 ? this.#end : this.#start + found + 1;
      header += String.fromCharCode(...this.#buffer.subarray(this.#start, stop).slice(0, 512));
      this.#start = stop;
      if (header.length > HEADER_LIMIT) throw new Error("Cannot read a frame: its header is long");
    }
    return header;
  }

  async #refill(): Promise<boolean> {
    const count = await this.#fill(this.#buffer);
    this.#start = 0;
    this.#end = count ?? 0;
    return count !== null;
  }
}

/** Writes a frame with `write`, which may take fewer bytes than it is given. */
export function writeFrame(write: (bytes: Uint8Array) => number, frame: Frame): void {
  const json = new TextEncoder().encode(frame.json);
  const size = frame.payload === undefined ? "" : `Payload-Length: ${frame.payload.length}\r\n`;
  const header = new TextEncoder().encode(`Content-Length: ${json.length}\r\n${size}\r\n`);
  const head = new Uint8Array(header.length + json.length);
  head.set(header);
  head.set(json, header.length);
  for (const part of frame.payload === undefined ? [head] : [head, frame.payload]) {
    for (let sent = 0; sent < part.length;) sent += write(part.subarray(sent));
  }
}

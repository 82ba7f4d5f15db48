/** The part of Emscripten's file system that files are put into. */
export interface Files {
  mkdirTree(path: string): void;
  writeFile(path: string, data: Uint8Array, options: { canOwn: boolean }): void;
}

const BLOCK = 512;

/** Puts the files of a tar archive, in the ustar format, below a folder; they share its memory. */
export function unpackTar(archive: Uint8Array, folder: string, files: Files): void {
  const made = new Set<string>();
  for (let at = 0; at < archive.length && archive[at] !== 0;) {
    const prefix = text(archive, at + 345, 155);
    const path = `${folder}/${prefix && `${prefix}/`}${text(archive, at, 100)}`;
    const size = parseInt(text(archive, at + 124, 12), 8);
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (!made.has(parent)) files.mkdirTree(parent);
    made.add(parent);
    const start = at + BLOCK;
    files.writeFile(path, archive.subarray(start, start + size), { canOwn: true });
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function text(archive: Uint8Array, start: number, length: number): string {
  const field = archive.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

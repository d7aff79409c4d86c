/** Small pieces gathered into large ones, so that a file or a pipe sees few writes. */

const batchBytes = 65_536;

/** Yields the same bytes in pieces of at least 64 KB, the last one excepted. */
export function* batches(pieces: Iterable<Uint8Array | string>): Generator<Uint8Array, void, undefined> {
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const encoded = typeof piece === 'string' ? Buffer.from(piece) : piece;
    gathered.push(encoded);
    bytes += encoded.length;
    if (bytes >= batchBytes) {
      yield Buffer.concat(gathered);
      gathered = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(gathered);
}

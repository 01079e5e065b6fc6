import { createBrotliDecompress, createInflateRaw, createUnzip, constants } from 'node:zlib';

/** How much of an answer is read, before and after decompression. */
const MAX_BODY_BYTES = 256 * 1024;

export type Decoded = { bytes: Buffer; truncated: boolean; undecodable: boolean };

/** What is kept of a longer one: more than is ever shown, so that no secret is cut where it could be recognised. */
const KEPT_OF_LONG_BYTES = 32 * 1024;

/** Chunks beyond this many are joined: a million of one byte must not cost a million objects. */
const MOST_CHUNKS = 256;

/** It would keep all that was read with it: so little of a body may come with each read, as between long chunk extensions. */
const isPartOfMuchMore = ({ length, buffer }: Buffer) => length * 4 < buffer.byteLength;

/** Collects up to MAX_BODY_BYTES; of a longer body the beginning, since nobody reads the rest: 200 of them at once stay small. */
export function collectBody() {
  let chunks: Buffer[] = [];
  let size = 0;
  const join = (length: number) => {
    if (chunks.length !== 1 || length < size) chunks = [Buffer.concat(chunks, length)];
    size = length;
    return chunks[0] ?? Buffer.alloc(0);
  };
  return {
    /** @returns false once the limit is passed: the rest is not wanted. */
    add(chunk: Buffer): boolean {
      chunks.push(isPartOfMuchMore(chunk) ? Buffer.from(chunk) : chunk);
      size += chunk.length;
      const fits = size <= MAX_BODY_BYTES;
      if (!fits) join(KEPT_OF_LONG_BYTES);
      else if (chunks.length > MOST_CHUNKS) join(size);
      return fits;
    },
    bytes: () => join(size),
  };
}

/**
 * Undoes a Content-Encoding (RFC 9110, 8.4.1: gzip, deflate; br) up to MAX_BODY_BYTES. What cannot be decoded (damaged, unknown or
 * stacked encodings) is given back as it came; a body that was cut gives what its bytes hold.
 */
export async function decodeBody(raw: Buffer, encoding: string): Promise<Decoded> {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity' || raw.length === 0)
    return { bytes: raw, truncated: false, undecodable: false };
  const decoder = createDecoder(name, raw);
  if (!decoder) return { bytes: raw, truncated: false, undecodable: true };
  const body = collectBody();
  try {
    decoder.end(raw);
    for await (const chunk of decoder) {
      if (!body.add(chunk)) return { bytes: body.bytes(), truncated: true, undecodable: false };
    }
    return { bytes: body.bytes(), truncated: false, undecodable: false };
  } catch {
    return { bytes: raw, truncated: false, undecodable: true };
  }
}

function createDecoder(name: string, raw: Buffer) {
  const tolerant = { finishFlush: constants.Z_SYNC_FLUSH };
  if (name === 'gzip' || name === 'x-gzip') return createUnzip(tolerant);
  if (name === 'br') return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
  if (name !== 'deflate') return null;
  // Some servers send raw deflate instead of the zlib format; the low half of the first byte tells them apart.
  return ((raw[0] ?? 0) & 0x0f) === 8 ? createUnzip(tolerant) : createInflateRaw(tolerant);
}

import { createBrotliDecompress, createInflateRaw, createUnzip, constants } from 'node:zlib';

/** How much of an answer is read, before and after decompression. */
const MAX_BODY_BYTES = 256 * 1024;

export type Decoded = { bytes: Buffer; truncated: boolean; undecodable: boolean };

/** Collects up to MAX_BODY_BYTES in one growing buffer: a million one-byte chunks cost what one big chunk costs. */
export function collectBody() {
  let buffer = Buffer.alloc(0);
  let size = 0;
  return {
    /** @returns false once the limit is passed: the rest is not wanted. */
    add(chunk: Buffer): boolean {
      const wanted = Math.min(size + chunk.length, MAX_BODY_BYTES);
      if (wanted > buffer.length) {
        const grown = Buffer.alloc(Math.min(Math.max(wanted, buffer.length * 2), MAX_BODY_BYTES));
        buffer.copy(grown, 0, 0, size);
        buffer = grown;
      }
      const fits = wanted - size;
      chunk.copy(buffer, size, 0, fits);
      size = wanted;
      return fits === chunk.length;
    },
    bytes: () => buffer.subarray(0, size),
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

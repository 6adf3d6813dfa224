/**
 * A PNG with the provenance of the picture: an international text chunk after the first chunk.
 * Source: PNG specification, third edition, 11.3.3.4 (iTXt) and annex D (CRC).
 */

const KEY = "clearwater";
/** Bytes of the signature and of the first chunk, IHDR, whose data are 13 bytes. */
const HEAD = 8 + 25;

/**
 * @param {Blob} png
 * @param {string} text
 * @returns {Promise<Blob>}
 */
export async function withText(png, text) {
  const chunk = textChunk(text);
  return new Blob([png.slice(0, HEAD), chunk, png.slice(HEAD)], { type: "image/png" });
}

/** Length, type, data and checksum. The data: keyword, no compression, no language, text in UTF-8. */
function textChunk(text) {
  const data = new TextEncoder().encode(`${KEY}\0\0\0\0\0${text}`);
  const typed = new Uint8Array(4 + data.length);
  typed.set(new TextEncoder().encode("iTXt"));
  typed.set(data, 4);
  const chunk = new Uint8Array(8 + typed.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  chunk.set(typed, 4);
  view.setUint32(4 + typed.length, crc(typed));
  return chunk;
}

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
}

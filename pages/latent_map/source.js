/** What the map reads from the server. Each address is read once while the page is open. */

const kept = new Map();
/** Answers that stay in memory; a column of a million latents has up to four megabytes. */
const MOST_KEPT = 12;

/** The bytes at an address relative to the page; rejects with the server's sentence. */
export function bytesAt(address) {
  return keptAt(address, (response) => response.arrayBuffer());
}

/** The JSON at an address relative to the page; rejects with the server's sentence. */
export function jsonAt(address) {
  return keptAt(address, (response) => response.json());
}

/** Report that the first map of the page is drawn: the server sends the rest of the page then. */
export function reportDrawn(address) {
  fetch(new URL(address, document.baseURI)).catch(() => {}); // the rest comes later without it
}

function keptAt(address, read) {
  const url = new URL(address, document.baseURI).href;
  if (!kept.has(url)) {
    const answer = fetch(url).then(async (response) => {
      if (!response.ok) throw new Error(await response.text());
      return read(response);
    });
    answer.catch(() => kept.delete(url));
    kept.set(url, answer);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  }
  return kept.get(url);
}

/** The bits of a base64 text, least significant first, as 0 or 1 for each of `count` points. */
export function bitsOf(text, count) {
  const bytes = atob(text);
  const bits = new Uint8Array(count);
  for (let i = 0; i < count; i++) bits[i] = (bytes.charCodeAt(i >> 3) >> (i & 7)) & 1;
  return bits;
}

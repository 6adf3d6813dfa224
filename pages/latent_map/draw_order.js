/**
 * The order in which points are drawn: what matters lies on top.
 *
 * From below: faded points without and with a category, ordinary ones without and with one,
 * selected ones.
 */

/** States of a point. */
export const ORDINARY = 0;
export const FADED = 1;
export const SELECTED = 2;

const LAYERS = 6;
const BASE = [2, 0, 4];

/** Points that are drawn while the view of a large map moves. */
export const SAMPLE = 50000;

/**
 * @param {Uint8Array|Uint16Array} codes 0 for none
 * @param {Uint8Array} states
 * @returns {{all: Uint32Array, sample: Uint32Array}} the points from the lowest to the highest, and
 *   a fixed random sample of them in the same order
 */
export function drawOrder(codes, states) {
  const count = codes.length;
  const threshold = count > SAMPLE ? Math.floor((SAMPLE / count) * 2 ** 32) : 2 ** 32;
  const layerOf = (i) => BASE[states[i]] + (codes[i] ? 1 : 0);
  const starts = new Uint32Array(LAYERS + 1);
  for (let i = 0; i < count; i++) starts[layerOf(i) + 1]++;
  for (let layer = 0; layer < LAYERS; layer++) starts[layer + 1] += starts[layer];
  const all = new Uint32Array(count);
  for (let i = 0; i < count; i++) all[starts[layerOf(i)]++] = i;
  const sample = count > SAMPLE ? all.filter((point) => scrambled(point) < threshold) : all;
  return { all, sample };
}

/** A number from 0 to 2^32 - 1 that looks random and depends only on the point. */
export function scrambled(point) {
  let hash = Math.imul(point ^ (point >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

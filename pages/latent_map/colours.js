/**
 * Colours of the points: from the answer of the column route to codes and a palette.
 *
 * The answer is a little-endian uint32 with the length of a header, the header (JSON in UTF-8), and
 * one code for each latent, one or two bytes each. Code 0 means that a latent has no value.
 */

/**
 * @typedef {Object} Entry A line of the legend.
 * @property {number} code First of its codes; a click names the entry by it.
 * @property {number} last Last of its codes.
 * @property {string} label
 * @property {number} total Latents of the bundle with one of its codes.
 */

/**
 * @typedef {Object} Colour
 * @property {string} name Column of the latent table, "cluster" or "association".
 * @property {"categorical"|"continuous"} kind
 * @property {string} title
 * @property {string} meaning What the column holds, with its unit.
 * @property {{light: string[], dark: string[]}} palette Colour of each code, as #rrggbb.
 * @property {Entry[]} entries
 * @property {?{kind: string, least: string, most: string,
 *   ticks: {at: number, text: string}[]}} scale Of a continuous column; `at` is 0 to 1.
 * @property {number[]} ids The cluster of each entry; empty for other columns.
 * @property {Uint8Array|Uint16Array} codes One for each latent.
 */

/** Opacity of points with and without a value, 0 to 255. */
const ALPHA = 230;
const PALE_ALPHA = 170;

/**
 * Read the answer of the column route.
 * @param {ArrayBuffer} answer
 * @returns {Colour}
 */
export function readColumn(answer) {
  const length = new DataView(answer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(answer, 4, length)));
  const start = 4 + length;
  const codes =
    header.bytes === 1 ? new Uint8Array(answer, start) : new Uint16Array(answer, start);
  return { ...header, codes };
}

/**
 * The codes of the latents.
 * @param {Colour} colour
 * @returns {Uint8Array|Uint16Array}
 */
export function codesOf(colour) {
  return colour.codes;
}

/**
 * The colours of all codes for a texture.
 * @param {Colour} colour
 * @param {"light"|"dark"} theme
 * @returns {Uint8Array} Red, green, blue and opacity of each code.
 */
export function paletteOf(colour, theme) {
  const colours = colour.palette[theme];
  const palette = new Uint8Array(4 * colours.length);
  colours.forEach((hex, code) => {
    const [red, green, blue] = rgbOf(hex);
    palette.set([red, green, blue, code === 0 ? PALE_ALPHA : ALPHA], 4 * code);
  });
  return palette;
}

/**
 * Red, green and blue of a colour, 0 to 255.
 * @param {string} hex Such as #1f6fb2.
 * @returns {[number, number, number]}
 */
export function rgbOf(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/**
 * How many selected latents each entry has.
 * @param {Colour} colour
 * @param {?Uint8Array} mask 1 or 0 for each latent; null selects all.
 * @returns {number[]} In the order of the entries.
 */
export function countEntries(colour, mask) {
  if (mask === null) return colour.entries.map((entry) => entry.total);
  const counts = new Uint32Array(colour.palette.light.length);
  const { codes } = colour;
  for (let i = 0; i < codes.length; i += 1) counts[codes[i]] += mask[i];
  return colour.entries.map(({ code, last }) => {
    let count = 0;
    for (let step = code; step <= last; step += 1) count += counts[step];
    return count;
  });
}

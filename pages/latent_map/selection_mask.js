/**
 * Which points are selected: the mask of the server, or that of a gesture until the server answers.
 */

import { FADED, ORDINARY, SELECTED } from "./draw_order.js";
import { NOT_ON_MAP } from "./spatial_index.js";

export class SelectionMask {
  constructor() {
    /** 1 or 0 for each point; null if everything is selected. */
    this.mask = null;
    /** The number of the last gesture that the server has not answered yet. */
    this.awaited = 0;
  }

  /** Show the result of a gesture before the server has answered it. */
  preview(inside, combine, serial) {
    this.mask = combined(this.mask, inside, combine);
    this.awaited = serial;
  }

  /** Take the mask of the server, unless it does not know the last gesture yet. */
  take(mask, answered) {
    if (answered < this.awaited) return false;
    this.mask = mask;
    this.awaited = 0;
    return true;
  }

  /** The number of selected points. */
  count(total) {
    if (!this.mask) return total;
    let sum = 0;
    for (const value of this.mask) sum += value;
    return sum;
  }

  /** The state of each point for the renderer. */
  states(total) {
    const states = new Uint8Array(total);
    if (!this.mask) return states.fill(ORDINARY);
    for (let i = 0; i < total; i++) states[i] = this.mask[i] ? SELECTED : FADED;
    return states;
  }
}

/** The mask after a gesture replaces it, adds to it or subtracts from it; null is everything. */
export function combined(mask, inside, combine) {
  if (combine === "replace" || (combine === "add" && !mask)) return inside;
  if (combine === "add") return mask.map((value, i) => value | inside[i]);
  return mask ? mask.map((value, i) => value & (1 - inside[i])) : inside.map((value) => 1 - value);
}

/**
 * The selected point in a rectangle that is nearest to a place; -1 for none.
 * @param {Uint8Array} mask 1 for each selected latent.
 * @param {Uint16Array} x
 * @param {Uint16Array} y
 * @param {[number, number]} place In steps, as the corners.
 * @param {[number, number]} low
 * @param {[number, number]} high
 */
export function nearestSelected(mask, x, y, [atX, atY], low, high) {
  let [best, least] = [-1, Infinity];
  for (let point = mask.indexOf(1); point >= 0; point = mask.indexOf(1, point + 1)) {
    if (x[point] === NOT_ON_MAP) continue;
    if (x[point] < low[0] || x[point] > high[0] || y[point] < low[1] || y[point] > high[1]) continue;
    const distance = (x[point] - atX) ** 2 + (y[point] - atY) ** 2;
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

/**
 * The lowest and the highest steps of the selected points; null without any.
 * @param {?Uint8Array} mask 1 for each selected latent.
 * @param {Iterable<number>} points Those that are on the map.
 * @param {Uint16Array} x
 * @param {Uint16Array} y
 * @returns {?[[number, number], [number, number]]}
 */
export function boundsOf(mask, points, x, y) {
  const [low, high] = [[65535, 65535], [-1, -1]];
  for (const point of mask ? points : []) {
    if (!mask[point]) continue;
    [x[point], y[point]].forEach((step, axis) => {
      low[axis] = Math.min(low[axis], step);
      high[axis] = Math.max(high[axis], step);
    });
  }
  return high[0] < 0 ? null : [low, high];
}

/**
 * A grid over the points of a map: the nearest point, and the points inside a box or a lasso.
 *
 * Units: steps of the 16-bit coordinates, 0 to 65,534 from the left and from the bottom.
 */

/** The step of a point that is not on the map. */
export const NOT_ON_MAP = 65535;
const STEPS = 65535;

export class SpatialIndex {
  /**
   * @param {Uint16Array} x
   * @param {Uint16Array} y
   */
  constructor(x, y) {
    this.x = x;
    this.y = y;
    this.side = Math.max(1, Math.min(1024, Math.round(Math.sqrt(x.length / 3))));
    this._sort();
  }

  _cellOf(step) {
    return Math.min(Math.floor((step * this.side) / STEPS), this.side - 1);
  }

  /** Put the points in order of their cells. */
  _sort() {
    const { x, y, side } = this;
    this.starts = new Uint32Array(side * side + 1);
    const cells = new Uint32Array(x.length);
    for (let i = 0; i < x.length; i++) {
      cells[i] = x[i] === NOT_ON_MAP ? side * side : this._cellOf(y[i]) * side + this._cellOf(x[i]);
      if (cells[i] < side * side) this.starts[cells[i] + 1]++;
    }
    for (let c = 0; c < side * side; c++) this.starts[c + 1] += this.starts[c];
    this.points = new Uint32Array(this.starts[side * side]);
    const next = this.starts.slice();
    for (let i = 0; i < x.length; i++) {
      if (cells[i] < side * side) this.points[next[cells[i]]++] = i;
    }
  }

  /**
   * The nearest point within a radius; -1 if there is none.
   *
   * @param {(point: number) => number} handicap steps that are added to the distance of a point
   */
  nearest(x, y, radius, handicap = () => 0) {
    let best = -1;
    let least = radius;
    const [left, right] = [this._cellOf(Math.max(x - radius, 0)), this._cellOf(Math.max(x + radius, 0))];
    const [low, high] = [this._cellOf(Math.max(y - radius, 0)), this._cellOf(Math.max(y + radius, 0))];
    for (let row = low; row <= high; row++) {
      const end = this.starts[row * this.side + right + 1];
      for (let k = this.starts[row * this.side + left]; k < end; k++) {
        const point = this.points[k];
        const distance = Math.hypot(this.x[point] - x, this.y[point] - y);
        if (distance > radius) continue;
        const rank = distance + handicap(point);
        if (rank <= least) [best, least] = [point, rank];
      }
    }
    return best;
  }

  /** Which points are in a box, edges included: 1 or 0 for each. */
  insideBox(x0, x1, y0, y1) {
    const inside = new Uint8Array(this.x.length);
    if (x1 < 0 || y1 < 0) return inside;
    const [left, right] = [this._cellOf(Math.max(x0, 0)), this._cellOf(x1)];
    for (let row = this._cellOf(Math.max(y0, 0)); row <= this._cellOf(y1); row++) {
      const end = this.starts[row * this.side + right + 1];
      for (let k = this.starts[row * this.side + left]; k < end; k++) {
        const point = this.points[k];
        const [x, y] = [this.x[point], this.y[point]];
        inside[point] = x >= x0 && x <= x1 && y >= y0 && y <= y1 ? 1 : 0;
      }
    }
    return inside;
  }

  /** Which points are inside a polygon, by the even-odd rule: 1 or 0 for each. */
  insideLasso(corners) {
    const inside = new Uint8Array(this.x.length);
    const crossed = this._crossedCells(corners);
    const size = STEPS / this.side;
    for (let row = 0; row < this.side; row++) {
      // A step more on both sides, because the rows of points are rounded.
      const sides = sidesBetween(corners, row * size - 1, (row + 1) * size + 1);
      let known = -1;
      for (let column = 0; column < this.side; column++) {
        const cell = row * this.side + column;
        const [start, end] = [this.starts[cell], this.starts[cell + 1]];
        if (crossed[cell]) {
          known = -1;
          for (let k = start; k < end; k++) {
            const point = this.points[k];
            inside[point] = crossesOddly(sides, this.x[point], this.y[point]) ? 1 : 0;
          }
          continue;
        }
        // Cells that no side crosses are inside or outside as a whole, up to the next crossed one.
        if (known < 0) {
          known = crossesOddly(sides, (column + 0.5) * size, (row + 0.5) * size) ? 1 : 0;
        }
        if (known) for (let k = start; k < end; k++) inside[this.points[k]] = 1;
      }
    }
    return inside;
  }

  /** The cells that a side of a polygon may cross: 1 or 0 for each. */
  _crossedCells(corners) {
    const crossed = new Uint8Array(this.side * this.side);
    const cell = (step) => Math.floor((step * this.side) / STEPS);
    for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
      const [[ax, ay], [bx, by]] = [corners[i], corners[j]];
      const low = Math.max(cell(Math.min(ay, by)), 0);
      const high = Math.min(cell(Math.max(ay, by)), this.side - 1);
      for (let row = low; row <= high; row++) {
        const [from, to] = columnsOf(ax, ay, bx, by, row, STEPS / this.side);
        const first = Math.max(cell(from) - 1, 0);
        const last = Math.min(cell(to) + 1, this.side - 1);
        if (last >= first) crossed.fill(1, row * this.side + first, row * this.side + last + 1);
      }
    }
    return crossed;
  }
}

/** The least and the largest x of a line within a row of cells. */
function columnsOf(ax, ay, bx, by, row, size) {
  if (ay === by) return [Math.min(ax, bx), Math.max(ax, bx)];
  const at = (y) => ax + ((bx - ax) * (y - ay)) / (by - ay);
  const bottom = Math.max(row * size, Math.min(ay, by));
  const top = Math.min((row + 1) * size, Math.max(ay, by));
  const [one, other] = [at(bottom), at(top)];
  return [Math.min(one, other), Math.max(one, other)];
}

/** The sides of a polygon that reach into a range of y: ax, ay, bx and by of each in turn. */
function sidesBetween(corners, low, high) {
  const sides = [];
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [a, b] = [corners[i], corners[j]];
    if (Math.max(a[1], b[1]) >= low && Math.min(a[1], b[1]) <= high) sides.push(...a, ...b);
  }
  return Float64Array.from(sides);
}

/** Whether a ray from a point to the right meets an odd number of sides. */
function crossesOddly(sides, x, y) {
  let odd = false;
  for (let k = 0; k < sides.length; k += 4) {
    const ay = sides[k + 1];
    const by = sides[k + 3];
    if (ay > y === by > y) continue;
    if (x < ((sides[k + 2] - sides[k]) * (y - ay)) / (by - ay) + sides[k]) odd = !odd;
  }
  return odd;
}

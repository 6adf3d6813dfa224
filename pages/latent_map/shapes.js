/**
 * Drawn shapes: boxes and lassos in data coordinates, their simplification and their editing.
 *
 * @typedef {{kind: "box" | "lasso", points: number[][]}} Shape
 *   A box has its lower left and its upper right corner, a lasso its corners in order.
 */

/** Corners of a lasso. */
export const MOST_CORNERS = 100;
/** Pixels within which the pointer takes hold of a corner or a side. */
const REACH = 8;
/** A shape that is smaller than this in both directions, in pixels, is a slip of the hand. */
const SMALLEST = 4;

/** The box between two opposite corners. */
export function boxOf([ax, ay], [bx, by]) {
  return {
    kind: "box",
    points: [
      [Math.min(ax, bx), Math.min(ay, by)],
      [Math.max(ax, bx), Math.max(ay, by)],
    ],
  };
}

/** The corners of the outline, in order. */
export function outline(shape) {
  if (shape.kind === "lasso") return shape.points;
  const [[x0, y0], [x1, y1]] = shape.points;
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/** A lasso from a drawn line, with as few corners as stay within a pixel of it. */
export function lassoOf(points, scale) {
  let tolerance = 1 / scale;
  let corners = simplified(points, tolerance);
  while (corners.length > MOST_CORNERS) {
    tolerance *= 1.3;
    corners = simplified(points, tolerance);
  }
  return { kind: "lasso", points: corners };
}

/**
 * A line with fewer points, of which none of the left-out ones is farther than the tolerance
 * (Ramer 1972; Douglas and Peucker 1973). Both ends stay.
 */
export function simplified(points, tolerance) {
  if (points.length < 3) return points.slice();
  const kept = new Uint8Array(points.length);
  kept[0] = kept[points.length - 1] = 1;
  const spans = [[0, points.length - 1]];
  while (spans.length) {
    const [start, end] = spans.pop();
    let [farthest, index] = [tolerance, -1];
    for (let i = start + 1; i < end; i++) {
      const distance = distanceToSide(points[i], points[start], points[end]);
      if (distance > farthest) [farthest, index] = [distance, i];
    }
    if (index < 0) continue;
    kept[index] = 1;
    spans.push([start, index], [index, end]);
  }
  return points.filter((_, i) => kept[i]);
}

/** The distance of a point to the line between two others. */
export function distanceToSide([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const share = length ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}

/** Whether a shape is too small to have been meant. */
export function isSlip(shape, camera) {
  const corners = outline(shape).map(([x, y]) => camera.toPixel(x, y));
  const span = (axis) => {
    const values = corners.map((corner) => corner[axis]);
    return Math.max(...values) - Math.min(...values);
  };
  return corners.length < 3 || (span(0) < SMALLEST && span(1) < SMALLEST);
}

/**
 * What of a shape is under the pointer: a corner of a box, its outline, or nothing (null).
 *
 * @returns {{corner: number} | {side: true} | null}
 */
export function heldPart(shape, camera, px, py) {
  const corners = outline(shape).map(([x, y]) => camera.toPixel(x, y));
  if (shape.kind === "box") {
    const corner = corners.findIndex(([x, y]) => Math.hypot(x - px, y - py) <= REACH);
    if (corner >= 0) return { corner };
  }
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    if (distanceToSide([px, py], corners[j], corners[i]) <= REACH / 2) return { side: true };
  }
  return null;
}

/** The shape after its held part was dragged by dx, dy in data units. */
export function dragged(shape, part, dx, dy) {
  if ("corner" in part) {
    const corners = outline(shape);
    const [x, y] = corners[part.corner];
    return boxOf([x + dx, y + dy], corners[(part.corner + 2) % 4]);
  }
  return { kind: shape.kind, points: shape.points.map(([x, y]) => [x + dx, y + dy]) };
}

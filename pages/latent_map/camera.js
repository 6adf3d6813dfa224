/**
 * The camera: which part of the map is on the screen, and how it moves.
 *
 * Units: "data" are the coordinates of the map (y upwards), "pixels" are CSS pixels from the upper
 * left corner of the map. Both axes have the same scale, because distances on a map have no
 * preferred direction.
 */

/** The whole map may shrink to this share of the window. */
const FARTHEST = 0.5;
/** A deeper zoom would show the steps of the 16-bit coordinates. */
const NEAREST = 200;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Camera {
  /** @param {number[]} frame x0, x1, y0, y1 of the whole map in data units. */
  constructor(frame) {
    this.frame = frame;
    this.width = 1;
    this.height = 1;
    this.pixelRatio = 1;
    this.x = (frame[0] + frame[1]) / 2;
    this.y = (frame[2] + frame[3]) / 2;
    /** CSS pixels per data unit. */
    this.scale = 1;
    /** Whether the whole map is shown, also after a change of size. */
    this.whole = true;
  }

  /** The scale at which a rectangle just fits. */
  _fit([x0, x1, y0, y1]) {
    return Math.min(this.width / (x1 - x0), this.height / (y1 - y0));
  }

  /** How far the view is zoomed in: 1 where the whole map just fits. */
  get zoom() {
    return this.scale / this._fit(this.frame);
  }

  /** The visible rectangle x0, x1, y0, y1 in data units. */
  get viewport() {
    const halfWidth = this.width / this.scale / 2;
    const halfHeight = this.height / this.scale / 2;
    return [this.x - halfWidth, this.x + halfWidth, this.y - halfHeight, this.y + halfHeight];
  }

  toPixel(x, y) {
    return [
      (x - this.x) * this.scale + this.width / 2,
      (this.y - y) * this.scale + this.height / 2,
    ];
  }

  toData(px, py) {
    return [
      this.x + (px - this.width / 2) / this.scale,
      this.y - (py - this.height / 2) / this.scale,
    ];
  }

  /** Take the size of the window in CSS pixels, and keep what is in the middle there. */
  resize(width, height, pixelRatio) {
    const shown = this.viewport;
    const first = this.width <= 1;
    [this.width, this.height, this.pixelRatio] = [width, height, pixelRatio];
    if (this.whole) this.showWhole();
    else if (first) this.show(shown);
    else this._limit();
  }

  /** Show a rectangle as large as it fits. */
  show([x0, x1, y0, y1]) {
    this._take({ x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: this._fit([x0, x1, y0, y1]) });
  }

  showWhole() {
    this.show(this.frame);
    this.whole = true;
  }

  /** Move by CSS pixels. */
  panBy(dx, dy) {
    this._take({ x: this.x - dx / this.scale, y: this.y + dy / this.scale, scale: this.scale });
  }

  /** Zoom by a factor; what is at the pixel stays there. */
  zoomAt(factor, px, py) {
    this._take(this.zoomed(factor, px, py));
  }

  /** The place after a zoom: x, y and scale. */
  zoomed(factor, px, py) {
    const fit = this._fit(this.frame);
    const scale = clamp(this.scale * factor, FARTHEST * fit, NEAREST * fit);
    const [x, y] = this.toData(px, py);
    return {
      x: x - (px - this.width / 2) / scale,
      y: y + (py - this.height / 2) / scale,
      scale,
    };
  }

  /** The place that shows a rectangle: x, y and scale. */
  placeOf(rectangle) {
    const [x0, x1, y0, y1] = rectangle;
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: this._fit(rectangle) };
  }

  _take({ x, y, scale }) {
    [this.x, this.y, this.scale] = [x, y, scale];
    this.whole = false;
    this._limit();
  }

  /** Keep the zoom within its limits and the middle of the window on the map. */
  _limit() {
    const [x0, x1, y0, y1] = this.frame;
    const fit = this._fit(this.frame);
    this.scale = clamp(this.scale, FARTHEST * fit, NEAREST * fit);
    this.x = clamp(this.x, x0, x1);
    this.y = clamp(this.y, y0, y1);
  }
}

/**
 * A flight of the camera to a place, in which one point of the map stays still.
 *
 * @param {Camera} camera
 * @param {{x: number, y: number, scale: number}} target
 * @param {number} duration milliseconds; 0 jumps
 * @param {(landed: boolean) => void} moved called after each step
 * @returns {() => void} ends the flight where it is
 */
export function fly(camera, target, duration, moved) {
  const start = { x: camera.x, y: camera.y, scale: camera.scale };
  const begin = performance.now();
  let request = 0;
  const step = (now) => {
    const time = duration > 0 ? clamp((now - begin) / duration, 0, 1) : 1;
    camera._take(between(start, target, time * time * (3 - 2 * time)));
    if (time < 1) request = requestAnimationFrame(step);
    moved(time === 1);
  };
  if (duration > 0) request = requestAnimationFrame(step);
  else step(begin);
  return () => cancelAnimationFrame(request);
}

/** The place at a share of the way from one place to another. */
export function between(start, target, share) {
  const scale = start.scale * (target.scale / start.scale) ** share;
  const span = 1 / start.scale - 1 / target.scale;
  const far = Math.abs(span) > 1e-9 / start.scale;
  const rest = far ? (1 / scale - 1 / target.scale) / span : 1 - share;
  return {
    x: target.x + (start.x - target.x) * rest,
    y: target.y + (start.y - target.y) * rest,
    scale,
  };
}

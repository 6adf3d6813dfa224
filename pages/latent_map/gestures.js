/**
 * From mouse, wheel, touch and keys to actions on the map.
 *
 * One gesture is in progress at a time. It ends when its pointer is released, cancelled or lost, so
 * none can get stuck. Positions are CSS pixels from the upper left corner of the map.
 *
 * @typedef {object} Actions
 * @property {(px: number, py: number, event: PointerEvent) => Drag} press what a drag from here does
 * @property {(px: number, py: number) => void} hover
 * @property {() => void} leave
 * @property {(px: number, py: number) => void} click
 * @property {(px: number, py: number) => void} doubleClick
 * @property {(dx: number, dy: number) => void} pan
 * @property {(factor: number, px: number, py: number) => void} zoom
 * @property {(key: string, event: KeyboardEvent) => boolean} key whether the key has a meaning
 *
 * @typedef {{move: (px: number, py: number) => void, end: () => void, cancel: () => void}} Drag
 */

/** Pixels within which a press stays a click. */
const STILL = { mouse: 3, pen: 5, touch: 9 };
/** Milliseconds and pixels between the two clicks of a double-click. */
const DOUBLE = { time: 320, distance: 24 };
/** Natural logarithm of the zoom per pixel of the wheel; a trackpad's pinch reports less pixels. */
const WHEEL = { turn: 0.0018, pinch: 0.01, most: 0.5 };
const LINE_PIXELS = 16;

export class Gestures {
  /**
   * @param {HTMLElement} surface
   * @param {Actions} actions
   */
  constructor(surface, actions) {
    this.surface = surface;
    this.actions = actions;
    /** Where each pressed pointer is. */
    this.pointers = new Map();
    /** The press in progress: pointer, where it began, and its drag once it moves. */
    this.press = null;
    this.lastClick = null;
    this.abort = new AbortController();
    const on = (type, handle, options = {}) =>
      surface.addEventListener(type, handle, { signal: this.abort.signal, ...options });
    on("pointerdown", (event) => this._down(event));
    on("pointermove", (event) => this._move(event));
    on("pointerup", (event) => this._up(event));
    on("pointercancel", (event) => this._lost(event));
    on("lostpointercapture", (event) => this._lost(event));
    on("pointerleave", () => this.press || this.actions.leave());
    on("wheel", (event) => this._wheel(event), { passive: false });
    on("keydown", (event) => this._key(event));
    on("contextmenu", (event) => this.press && event.preventDefault());
    on("dblclick", (event) => event.preventDefault());
  }

  destroy() {
    this.cancel();
    this.abort.abort();
  }

  /** End the gesture in progress without a result; whether there was one. */
  cancel() {
    const drag = this.press?.drag;
    this.press = this.press && { ...this.press, drag: null, over: true };
    drag?.cancel();
    return Boolean(drag);
  }

  _place(event) {
    const box = this.surface.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  _down(event) {
    if (event.button > 1) return;
    this.surface.focus({ preventScroll: true });
    const place = this._place(event);
    if (event.pointerType !== "touch") this.pointers.clear();
    this.pointers.set(event.pointerId, place);
    try {
      this.surface.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is already gone, or a script made the event; the gesture ends with its release.
    }
    event.preventDefault();
    if (this.pointers.size > 1) {
      this.cancel();
      return;
    }
    this.press = { pointer: event.pointerId, type: event.pointerType, start: place, event };
    this.actions.leave();
  }

  _move(event) {
    const place = this._place(event);
    if (!this.pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.actions.hover(...place);
      return;
    }
    if (event.pointerType !== "touch" && event.buttons === 0) {
      this._lost(event); // released where no event could reach the map
      return;
    }
    if (this.pointers.size > 1) this._pinch(event.pointerId, place);
    else this._drag(place);
    this.pointers.set(event.pointerId, place);
  }

  _drag([px, py]) {
    const { press } = this;
    if (!press || press.over) return;
    const [x0, y0] = press.start;
    if (!press.drag) {
      if (Math.hypot(px - x0, py - y0) <= (STILL[press.type] ?? STILL.touch)) return;
      press.drag = this.actions.press(x0, y0, press.event);
    }
    press.drag.move(px, py);
  }

  /** Two fingers move and zoom the map at once. */
  _pinch(pointer, place) {
    const other = [...this.pointers].find(([id]) => id !== pointer)[1];
    const before = this.pointers.get(pointer);
    const middle = [(place[0] + other[0]) / 2, (place[1] + other[1]) / 2];
    this.actions.pan((place[0] - before[0]) / 2, (place[1] - before[1]) / 2);
    const apart = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 10);
    this.actions.zoom(apart(place) / apart(before), ...middle);
  }

  _up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { press } = this;
    if (press?.pointer !== event.pointerId && this.pointers.size) return;
    this.press = null;
    if (!press || press.over || press.pointer !== event.pointerId) return;
    if (press.drag) press.drag.end();
    else if (event.button === 0) this._click(this._place(event));
  }

  /** The browser took a pointer away. */
  _lost(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.cancel();
    if (!this.pointers.size) this.press = null;
  }

  _click([px, py]) {
    const before = this.lastClick;
    const now = performance.now();
    const near =
      before && Math.hypot(px - before.px, py - before.py) < DOUBLE.distance &&
      now - before.now < DOUBLE.time;
    this.lastClick = near ? null : { px, py, now };
    if (near) this.actions.doubleClick(px, py);
    else this.actions.click(px, py);
  }

  _wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * [1, LINE_PIXELS, this.surface.clientHeight][event.deltaMode];
    const turned = -pixels * (event.ctrlKey ? WHEEL.pinch : WHEEL.turn);
    const factor = Math.exp(Math.min(Math.max(turned, -WHEEL.most), WHEEL.most));
    if (Number.isFinite(factor)) this.actions.zoom(factor, ...this._place(event));
  }

  _key(event) {
    if (event.target !== this.surface) return;
    if (!this.actions.key(event.key, event)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}

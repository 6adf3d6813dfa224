/** What the gestures, keys and buttons do to a map. */

import { fly } from "./camera.js";
import { boxOf, dragged, heldPart, isSlip, lassoOf } from "./shapes.js";
import { boundsOf } from "./selection_mask.js";
import { everyMap, focus, nextSerial, othersThan, outbox } from "./together.js";

/** Pixels within which the pointer finds a point. */
const REACH = 14;
/** Pixels by which a selected point may be farther than another one and still be found first. */
const PREFERENCE = 3;
/** Milliseconds of a flight of the camera. */
const FLIGHT = 260;
/** The zoom of a button, key or double-click. */
const STEP = 1.8;
/** The share of the window by which an arrow key moves the map. */
const PAN = 0.15;
/** Milliseconds after which a click is no longer the first half of a double-click. */
const SINGLE = 330;
/** The least zoom at which a latent is shown that was searched for. */
const NEAR = 4;
/** Margin around the selection, as a share of it. */
const MARGIN = 0.06;

const MODES = { m: "move", b: "box", l: "lasso" };
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class MapActions {
  /** @param {import("./latent_map.js").LatentMap} map */
  constructor(map) {
    this.map = map;
    this.landing = () => {};
    /** The number of the last flight that Python has asked for, and a latent to fly to later. */
    this.flown = 0;
    this.awaited = null;
  }

  destroy() {
    this.landing();
    clearTimeout(this.naming);
  }

  // The pointer

  hover(px, py) {
    const { map } = this;
    const point = this.pointAt(px, py);
    const held = this.heldShape(px, py);
    const isTarget = point >= 0 || map.reading.clusterAt(px, py) !== null;
    map.stage.surface.style.cursor = held ? (held.part.side ? "move" : "crosshair") : isTarget ? "pointer" : "";
    if (point === map.hovered) return;
    this._hover(point);
  }

  leave() {
    if (this.map.hovered >= 0) this._hover(-1);
  }

  /** Ring a point on every map, and show its card on this one. */
  _hover(point) {
    this.map.reading.hover(point);
    for (const map of everyMap()) {
      map.hovered = point;
      map.redraw();
    }
  }

  /** The point that is nearest to a pixel, or -1; a name lies over the points. */
  pointAt(px, py) {
    const { map } = this;
    if (!map.index) return -1;
    const neighbour = map.reading.hitAt(px, py);
    if (neighbour >= 0) return neighbour;
    if (map.reading.clusterAt(px, py) !== null) return -1;
    const [x, y] = map.stepsOf(map.camera.toData(px, py));
    const perPixel = map.stepsOf(map.camera.toData(px + 1, py))[0] - x;
    const { mask } = map.selection;
    const handicap = mask ? (point) => (mask[point] ? 0 : PREFERENCE * perPixel) : undefined;
    return map.index.nearest(x, y, (REACH + (mask ? PREFERENCE : 0)) * perPixel, handicap);
  }

  /** The finished shape under a pixel, and its part there. */
  heldShape(px, py) {
    for (const shape of [...this.map.shapes].reverse()) {
      const part = heldPart(shape, this.map.camera, px, py);
      if (part) return { shape, part };
    }
    return null;
  }

  click(px, py) {
    const cluster = this.map.reading.clusterAt(px, py);
    clearTimeout(this.naming);
    if (cluster !== null) {
      this.naming = setTimeout(() => this.narrow(cluster, "cluster"), SINGLE);
      this.undoClick = () => clearTimeout(this.naming);
      return;
    }
    const point = this.pointAt(px, py);
    const before = this.map.focus;
    this.focusOn(point < 0 ? null : point);
    if (point >= 0) this.map.reading.hover(point, true);
    this.undoClick = () => this.focusOn(before);
  }

  doubleClick(px, py) {
    this.undoClick?.();
    this.zoomBy(STEP * STEP, px, py);
  }

  pan(dx, dy) {
    this.landing();
    this.map.camera.panBy(dx, dy);
    this.map.moved();
  }

  zoom(factor, px, py) {
    this.landing();
    this.map.camera.zoomAt(factor, px, py);
    this.map.moved();
  }

  /** What a drag from a pixel does. */
  press(px, py, event) {
    const held = event.button === 0 && this.heldShape(px, py);
    if (held) return this.editing(held, px, py);
    const mode = event.button === 1 ? "move" : this.map.mode;
    if (mode === "move" && event.shiftKey) return this.drawing("box", px, py, event);
    return mode === "move" ? this.panning(px, py) : this.drawing(mode, px, py, event);
  }

  panning(px, py) {
    const { host } = this.map.stage;
    host.dataset.dragging = "true";
    const over = () => delete host.dataset.dragging;
    const move = (x, y) => {
      this.pan(x - px, y - py);
      [px, py] = [x, y];
    };
    return { move, end: over, cancel: over };
  }

  /** Draw a new box or lasso. */
  drawing(kind, px, py, event) {
    const { map } = this;
    const combine = event.altKey ? "subtract" : event.shiftKey ? "add" : "replace";
    const points = [map.camera.toData(px, py)];
    const shapeNow = () => (kind === "box" ? boxOf(points[0], points.at(-1)) : { kind, points });
    const show = (shape) => {
      map.drawing = shape && { ...shape, drawing: true, subtracts: combine === "subtract" };
      map.redraw();
    };
    return {
      move: (x, y) => {
        points.push(map.camera.toData(x, y));
        show(shapeNow());
      },
      end: () => {
        const shape = kind === "box" ? shapeNow() : lassoOf(points, map.camera.scale);
        if (isSlip(shape, map.camera)) show(null);
        else this.select(shape, combine);
      },
      cancel: () => show(null),
    };
  }

  /** Move a finished shape, or a corner of it. */
  editing({ shape, part }, px, py) {
    const { map } = this;
    const start = map.camera.toData(px, py);
    const show = (drawing) => {
      map.drawing = drawing;
      map.redraw();
    };
    return {
      move: (x, y) => {
        const [dx, dy] = map.camera.toData(x, y).map((value, axis) => value - start[axis]);
        const changed = dragged(shape, part, dx, dy);
        show({ ...changed, subtracts: shape.subtracts, edits: shape });
      },
      end: () => {
        const changed = map.drawing;
        if (!changed || isSlip(changed, map.camera)) show(null);
        else this.select({ kind: changed.kind, points: changed.points }, "edit", map.shapes.indexOf(shape));
      },
      cancel: () => show(null),
    };
  }

  /** Select what is inside a shape: here at once, and on the server. */
  select(shape, combine, edited = null) {
    const { map } = this;
    const serial = this.nextSerial();
    map.drawing = null;
    const steps = shape.points.map((point) => map.stepsOf(point));
    const inside =
      shape.kind === "box"
        ? map.index.insideBox(steps[0][0], steps[1][0], steps[0][1], steps[1][1])
        : map.index.insideLasso(steps);
    if (combine !== "edit") map.selection.preview(inside, combine, serial);
    else if (map.shapes.length === 1 && !map.shapes[0].subtracts) map.selection.preview(inside, "replace", serial);
    else map.selection.awaited = serial;
    const drawn = { ...shape, subtracts: combine === "subtract" };
    if (combine === "edit") map.shapes = map.shapes.with(edited, { ...shape, subtracts: map.shapes[edited].subtracts });
    else map.shapes = combine === "replace" ? [drawn] : [...map.shapes, drawn];
    this.send({ kind: shape.kind, combine, shape: shape.points, value: edited, serial });
    map.showMaskAfterSending(() => this._share(serial, combine === "replace"));
  }

  /** Let the other maps show the selection of this one until the server answers. */
  _share(serial, replaces) {
    for (const other of othersThan(this.map)) other.showSelectionOf(this.map, serial, replaces);
  }

  nextSerial() {
    return nextSerial(this.map.data.answered);
  }

  /** Tell Python of a gesture; returns its number. */
  send(gesture) {
    const { map } = this;
    const serial = gesture.serial ?? this.nextSerial();
    const view = { map: map.data.map, mode: map.mode, size: map.size };
    for (const one of everyMap()) view[one.data.viewportName] = one.viewportText();
    if (gesture.kind !== "focus") map.setBusy(true);
    outbox.add({ ...view, ...gesture, serial });
    return serial;
  }

  /** Narrow the selection to an entry of the legend, by its first code, or to a cluster. */
  narrow(value, kind = "legend") {
    const serial = this.nextSerial();
    this.map.selection.awaited = serial;
    this._share(serial, false);
    this.send({ kind, value, serial });
  }

  // The focus

  /** Put a latent in focus (null: none): here at once, and on the server a little later. */
  focusOn(point) {
    const { map } = this;
    if (point === map.focus) return;
    for (const one of everyMap()) one.showFocus(point);
    clearTimeout(focus.later);
    focus.later = setTimeout(() => {
      focus.later = null;
      if (map.focus === focus.sent) return;
      focus.sent = map.focus;
      focus.serial = this.send({ kind: "focus", latent: map.focus });
    }, SINGLE);
  }

  /** Take the focus of the server, unless a newer one is here. */
  takeFocus({ focus: latent, answered }) {
    if (focus.later !== null || focus.serial > answered) return;
    this.map.focus = latent;
    focus.sent = latent;
  }

  /** Open the page of a latent, which becomes the focus. */
  open(latent) {
    clearTimeout(focus.later);
    focus.later = null;
    this.send({ kind: "open", latent });
  }

  /** Open the page of the latent in focus, or put the one in the middle in focus. */
  enter() {
    const { map } = this;
    if (map.focus !== null) {
      this.open(map.focus);
      return;
    }
    const { width, height } = map.camera;
    const [x, y] = map.stepsOf(map.camera.toData(width / 2, height / 2));
    const point = map.index.nearest(x, y, 65534);
    if (point >= 0) this.focusOn(point);
  }

  // The view

  zoomBy(factor, px = this.map.camera.width / 2, py = this.map.camera.height / 2) {
    this.flyTo(this.map.camera.zoomed(factor, px, py));
  }

  flyTo(place, done = () => {}) {
    this.landing();
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.landing = fly(this.map.camera, place, calm ? 0 : FLIGHT, (landed) => {
      if (landed) done();
      this.map.moved();
    });
  }

  /** Fly to a latent that Python names, once. */
  takeFlight(flight) {
    if (!flight || flight.number <= this.flown) return;
    this.flown = flight.number;
    this.landOn(flight.latent);
  }

  /** Put a latent in the middle, near enough to tell it from others, and show its card. */
  landOn(latent) {
    const { map } = this;
    const { camera } = map;
    this.awaited = map.index ? null : latent;
    if (!map.pixelOf(latent)) return;
    const [x, y] = map.placeOf(latent);
    const scale = camera.scale * Math.max(1, NEAR / camera.zoom);
    // The card comes after the last movement, which would hide it.
    this.flyTo({ x, y, scale }, () => queueMicrotask(() => map.reading.hover(latent, true)));
  }

  showWhole() {
    const { camera } = this.map;
    this.flyTo(camera.placeOf(camera.frame), () => camera.showWhole());
  }

  /** Zoom to the selected points. */
  showSelection() {
    const { map } = this;
    const bounds = map.index && boundsOf(map.selection.mask, map.index.points, map.x, map.y);
    if (bounds) this.flyTo(map.camera.placeOf(map.rectangleOfSteps(...bounds, MARGIN)));
  }

  // Keys and buttons

  /** Do what a key means; false if it means nothing here. */
  key(key, event) {
    if (!this.map.index) return false;
    const letter = key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (letter !== "z" && letter !== "y") return false;
      this.button(letter === "y" || event.shiftKey ? "redo" : "undo");
      return true;
    }
    if (event.altKey) return false;
    if (ARROWS[key]) return this.arrow(...ARROWS[key]);
    const name = { "+": "plus", "=": "plus", "-": "minus", "−": "minus", 0: "whole", Home: "whole", s: "selection", d: "size" }[
      key.length === 1 ? letter : key
    ];
    if (letter === "e") this.map.reading.exports.toggle();
    else if (name || MODES[letter]) this.button(name ?? MODES[letter]);
    else if (key === "Enter") this.enter();
    else if (key === "Escape") this.escape();
    else return false;
    return true;
  }

  arrow(dx, dy) {
    const { width, height } = this.map.camera;
    this.pan(dx * PAN * width, dy * PAN * height);
    return true;
  }

  /** End what is being drawn, else clear the focus, else the selection. */
  escape() {
    const { map } = this;
    if (map.gestures.cancel()) return;
    if (map.focus !== null) this.focusOn(null);
    else if (map.data.selectionText || map.shapes.length) this.clear();
  }

  clear() {
    const { map } = this;
    const serial = this.nextSerial();
    map.shapes = [];
    map.selection.mask = null;
    map.selection.awaited = serial;
    map.showMask();
    this._share(serial, true);
    this.send({ kind: "clear", serial });
  }

  /** Do what a button of the toolbar says. */
  button(name) {
    const { map } = this;
    if (!map.index) return;
    map.gestures.cancel();
    if (Object.values(MODES).includes(name)) {
      for (const one of everyMap()) one.setMode(name);
    } else if (name === "size") {
      const size = map.size === "even" ? "density" : "even";
      for (const one of everyMap()) one.setSize(size);
    } else if (name === "plus") this.zoomBy(STEP);
    else if (name === "minus") this.zoomBy(1 / STEP);
    else if (name === "whole") this.showWhole();
    else if (name === "selection") this.showSelection();
    else if (name === "clear") this.clear();
    else if (map.data[name]) {
      const serial = this.nextSerial();
      map.selection.awaited = serial;
      this._share(serial, false);
      this.send({ kind: name, serial });
    }
  }
}

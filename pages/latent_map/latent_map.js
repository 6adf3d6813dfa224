/** One map on the page: what it shows, taken from its data and kept while Python runs again. */

import { MapActions } from "./actions.js";
import { Camera } from "./camera.js";
import { paletteOf, readColumn } from "./colours.js";
import { showFirst } from "./first_view.js";
import { Gestures } from "./gestures.js";
import { Link, viewportOf, viewportText } from "./link.js";
import { cleared, drawRing, drawShape, renderColours } from "./overlay.js";
import { Reading } from "./reading.js";
import { diameterOf, Renderer } from "./renderer.js";
import { SelectionMask } from "./selection_mask.js";
import { bitsOf, bytesAt, reportDrawn } from "./source.js";
import { NOT_ON_MAP, SpatialIndex } from "./spatial_index.js";
import { createStage, watchSize } from "./stage.js";
import { everyMap, isAnswered, join, leave, outbox } from "./together.js";
import { createToolbar } from "./toolbar.js";

/** Milliseconds after the last movement before all points of a large map are drawn. */
const REST = 140;
/** Milliseconds after which the map shows that it waits for the server. */
const LATE = 300;
const STEPS = 65534;
/** The last view of each map, for readers who leave the page and come back. */
const lastViews = new Map();

export class LatentMap {
  /** Throws NoWebGL if the browser has no WebGL2. */
  constructor(root) {
    this.stage = createStage(root);
    this.renderer = new Renderer(this.stage.points);
    this.camera = new Camera([0, 1, 0, 1]);
    this.selection = new SelectionMask();
    this.link = new Link();
    this.data = null;
    this.index = null;
    /** The view that a link gave: its viewport in the camera, and its text. */
    this.linked = { at: "", text: "" };
    this.mode = "move";
    /** What the size of a point shows: "even" or "density". */
    this.size = "even";
    this.focus = null;
    this.hovered = -1;
    /** The finished shapes, and the one that is being drawn or edited. */
    this.shapes = [];
    this.drawing = null;
    /** The column that colours the points (colours.js). */
    this.colour = null;
    this.actions = new MapActions(this);
    this.toolbar = createToolbar(this.stage.toolbar, (name) => this.actions.button(name));
    this.gestures = new Gestures(this.stage.surface, this.actions);
    this.reading = new Reading(this);
    this.abort = new AbortController();
    this._listen();
    join(this);
  }

  _listen() {
    const { signal } = this.abort;
    this.unwatch = watchSize(this.stage, (width, height, ratio) => {
      this.camera.resize(width, height, ratio);
      this.renderer.drawn = false;
      this.reading?.legend.fit();
      this.redraw();
    });
    window.addEventListener("popstate", () => this._followAddress(), { signal });
    const { points } = this.stage;
    points.addEventListener("webglcontextlost", (event) => event.preventDefault(), { signal });
    points.addEventListener(
      "webglcontextrestored",
      () => {
        this.renderer.restore();
        this.redraw();
      },
      { signal },
    );
  }

  destroy() {
    this.destroyed = true;
    this.rememberView();
    this.link.write();
    this.link.destroy();
    this.abort.abort();
    this.unwatch();
    this.actions.destroy();
    leave(this);
    this.gestures.destroy();
    this.reading.destroy();
    cancelAnimationFrame(this.request);
    clearTimeout(this.rest);
    clearTimeout(this.busy);
    this.renderer.destroy();
  }

  /** Take new data from Python. */
  update(data) {
    const before = this.data;
    this.data = data;
    if (!before) {
      [this.mode, this.size] = [data.mode, data.size];
      this.unreported = data.drawnAt; // the first picture, which may still be a part of a large map
      this.actions.flown = data.flight?.number ?? 0; // of a map that was here before
    }
    if (isAnswered(data.answered)) this.setBusy(false);
    this.stage.name.textContent = data.name;
    if (before?.theme !== data.theme) this.stage.host.dataset.theme = data.theme;
    if (this.selection.awaited <= data.answered) this.shapes = data.shapes;
    this.actions.takeFocus(data);
    outbox.take(data.answered);
    const key = `${data.bundle} ${data.content} ${data.map}`;
    const colourKey = `${data.colour.url} ${data.theme}`;
    if (this.key !== key) this._load(key);
    else if (this.colourKey !== colourKey) this._loadColour();
    else this._takeMask();
    this.colourKey = colourKey;
    this.key = key;
    this.link.order = data.order;
    if (this.index && before) this.writeView(); // Python knows the view only from gestures
    this.reading.takeData();
    this.actions.takeFlight(data.flight);
    this.showTools();
    this.redraw();
  }

  /** Read the places and colours of another map, and show it when both are here. */
  async _load(key) {
    for (const map of everyMap()) map.rememberView(); // one may be shown here that was beside this
    const { data } = this;
    const loading = (this.loading = {});
    this.stage.message.textContent = "";
    try {
      const [places, colours] = await Promise.all([bytesAt(data.positions), bytesAt(data.colour.url)]);
      if (this.loading !== loading || this.destroyed) return;
      this._takePlaces(new Uint16Array(places), key);
      this._takeColours(colours);
    } catch (error) {
      this.stage.message.textContent = `The map could not be read: ${error.message}`;
    }
  }

  async _loadColour() {
    const { data } = this;
    const loading = (this.loading = {});
    try {
      const colours = await bytesAt(data.colour.url);
      if (this.loading === loading && !this.destroyed) this._takeColours(colours);
    } catch (error) {
      this.stage.message.textContent = `The colours could not be read: ${error.message}`;
    }
  }

  _takePlaces(steps, key) {
    const count = steps.length / 2;
    const [x, y] = [steps.subarray(0, count), steps.subarray(count)];
    this.x = x;
    this.y = y;
    this.total = count;
    this.index = new SpatialIndex(x, y);
    this.renderer.setPositions(x, y, this.data.frame);
    this.hovered = -1;
    this.camera.frame = this.data.whole;
    this.camera.showWhole();
    if (!lastViews.has(key)) showFirst(this);
    else if (lastViews.get(key)) this.camera.show(lastViews.get(key));
    if (this.actions.awaited !== null) this.actions.landOn(this.actions.awaited);
    this.writeView();
  }

  _takeColours(answer) {
    if (this.total === undefined) return;
    const { theme } = this.data;
    this.colour = readColumn(answer);
    this.renderer.setColours(this.colour.codes, paletteOf(this.colour, theme), renderColours(theme));
    this._takeMask(true);
    this.reading.takeColour(this.colour);
    this.renderer.drawn = false;
    this.redraw();
    this.showSizes();
  }

  /** Give the points the sizes that the reader has chosen. */
  async showSizes() {
    const url = this.data.sizes;
    const codes = this.size === "density" ? readColumn(await bytesAt(url)).codes : null;
    if (this.destroyed || this.data.sizes !== url || (codes !== null) !== (this.size === "density")) return;
    this.renderer.setWeights(codes, 1);
    this.redraw();
  }

  /** Show that the server works, if it takes longer than a moment. */
  setBusy(busy) {
    clearTimeout(this.busy);
    if (busy) this.busy = setTimeout(() => (this.stage.host.dataset.busy = "true"), LATE);
    else delete this.stage.host.dataset.busy;
  }

  /** Show the selection of the server, unless a newer gesture awaits its answer. */
  _takeMask(anyway = false) {
    const { mask, maskVersion, answered } = this.data;
    if (!this.index || !this.renderer.columns.codes) return;
    if (!anyway && this.maskVersion === maskVersion && !this.selection.awaited) return;
    if (!this.selection.take(mask === null ? null : bitsOf(mask, this.total), answered)) return;
    this.maskVersion = maskVersion;
    this.showMask();
  }

  /** Draw the points by the current mask. */
  showMask() {
    this.renderer.selected = this.selection.count(this.total);
    this.renderer.setStates(this.selection.states(this.total));
    this.stage.summary.textContent = this.summary();
    this.stage.surface.setAttribute("aria-label", this.summary());
    this.reading.maskChanged();
    this.showTools();
    this.redraw();
  }

  /** The same once a message is on its way: Streamlit sends in a task, which would wait for a picture. */
  showMaskAfterSending(shown) {
    cancelAnimationFrame(this.request);
    setTimeout(() => {
      if (this.destroyed) return;
      this.showMask();
      shown();
    });
  }

  /** Show the selection of another map of the page until the server answers a gesture on it. */
  showSelectionOf(other, serial, replaces) {
    if (!this.index) return;
    this.selection.mask = other.selection.mask;
    this.selection.awaited = serial;
    if (replaces) this.shapes = [];
    this.showMask();
  }

  /** Put a latent in focus here; null for none. */
  showFocus(latent) {
    this.focus = latent;
    if (!this.index) return; // the places are still on their way
    this.reading.focusChanged();
    this.stage.summary.textContent = this.summary();
    this.redraw();
  }

  setMode(mode) {
    this.mode = mode;
    this.writeView();
    this.showTools();
  }

  setSize(size) {
    this.size = size;
    this.writeView();
    this.showTools();
    this.showSizes();
  }

  /** What a screen reader says of the map. */
  summary() {
    const selected = this.selection.count(this.total).toLocaleString("en");
    const focus = this.focus === null ? "" : ` Latent ${this.focus} is in focus.`;
    return `${this.data.title}: ${selected} of ${this.total.toLocaleString("en")} latents selected.${focus}`;
  }

  /** Show which buttons of the toolbar mean something now. */
  showTools() {
    const disabled = new Set();
    if (this.camera.whole) disabled.add("whole");
    if (!this.selection.mask) disabled.add("selection");
    if (!this.data?.selectionText && !this.shapes.length) disabled.add("clear");
    if (!this.data?.undo) disabled.add("undo");
    if (!this.data?.redo) disabled.add("redo");
    const pressed = new Set([this.mode, ...(this.size === "density" ? ["size"] : [])]);
    this.toolbar.show(pressed, disabled);
    this.stage.host.dataset.mode = this.mode;
  }

  /** Where a point is on the screen; null if it is not on the map. */
  pixelOf(point) {
    if (!this.index || point < 0 || point >= this.total || this.x[point] === NOT_ON_MAP) return null;
    return this.camera.toPixel(...this.placeOf(point));
  }

  /** Where a point is on the map, in data units. */
  placeOf(point) {
    const [x0, x1, y0, y1] = this.data.frame;
    return [
      x0 + (this.x[point] / STEPS) * (x1 - x0),
      y0 + (this.y[point] / STEPS) * (y1 - y0),
    ];
  }

  /** A place of the map in the steps of its 16-bit coordinates. */
  stepsOf([x, y]) {
    const [x0, x1, y0, y1] = this.data.frame;
    return [((x - x0) / (x1 - x0)) * STEPS, ((y - y0) / (y1 - y0)) * STEPS];
  }

  /** The rectangle between two corners in steps, with a margin as a share of its longer side. */
  rectangleOfSteps(low, high, margin) {
    const pad = Math.max(high[0] - low[0], high[1] - low[1], STEPS / 400) * margin;
    const [x0, x1, y0, y1] = this.data.frame;
    const at = (step, from, to) => from + (step / STEPS) * (to - from);
    return [
      at(low[0] - pad, x0, x1),
      at(high[0] + pad, x0, x1),
      at(low[1] - pad, y0, y1),
      at(high[1] + pad, y0, y1),
    ];
  }

  /** The view has moved: draw a sample now and everything after a rest; write the link. */
  moved() {
    clearTimeout(this.rest);
    this.moving = true;
    this.rest = setTimeout(() => {
      this.moving = false;
      this.redraw();
    }, REST);
    this.reading.moved();
    this.writeView();
    this.showTools();
    this.redraw();
  }

  /** Put the view and the mode into the link. */
  writeView() {
    this.link.set(this.data.viewportName, this.viewportText());
    this.link.set("mode", this.mode === "move" ? null : this.mode);
    this.link.set("size", this.size === "even" ? null : this.size);
  }

  /** The shown part of the map as text; null for all of it. */
  viewportText() {
    const { camera, linked } = this;
    if (!this.index) return this.data.viewport?.join(",") ?? null;
    if (camera.whole) return null;
    return linked.at === String(camera.viewport) ? linked.text : viewportText(camera.viewport);
  }

  /**
   * Show the part of the map that a link gives, if it gives one. Its shape is seldom quite that of
   * the map, so its text stays as it is until the view moves; else each Back would zoom out a little.
   */
  showLinked(edges) {
    if (!edges) return;
    this.camera.show(edges);
    this.linked = { at: String(this.camera.viewport), text: edges.join(",") };
  }

  /** Draw in the next frame. */
  redraw() {
    cancelAnimationFrame(this.request);
    this.request = requestAnimationFrame(() => this._draw());
  }

  _draw() {
    if (!this.index || this.destroyed) return;
    const complete = this.renderer.draw(this.camera, this.moving);
    this._drawOverlay();
    this.stage.host.dataset.drawn = complete ? "all" : "part";
    if (this.unreported) reportDrawn(this.unreported);
    this.unreported = null;
    if (!complete && !this.moving) this.redraw();
  }

  _drawOverlay() {
    this.drawOverlayOn(cleared(this.stage.overlay, this.camera));
  }

  /** Draw what lies over the points on a context in CSS pixels; `still` leaves out the pointer. */
  drawOverlayOn(context, { still = false } = {}) {
    const { camera } = this;
    const { theme } = this.data;
    const shapes = this.drawing ? [...this.shapes.filter((s) => s !== this.drawing.edits), this.drawing] : this.shapes;
    this.reading.drawBelow(context);
    for (const shape of shapes) drawShape(context, shape, camera, theme, shape);
    const radius = diameterOf(this.total, camera) / 2 + 4;
    for (const [point, focused] of [[still ? -1 : this.hovered, false], [this.focus ?? -1, true]]) {
      const pixel = this.pixelOf(point);
      if (pixel) drawRing(context, pixel, radius + (focused ? 2 : 0), theme, focused);
    }
    this.reading.drawAbove(context);
  }

  /** Back and Forward changed the address: show its part of the map. */
  _followAddress() {
    if (location.pathname !== this.link.path || !this.index) return;
    const viewport = viewportOf(location.search, this.data.viewportName);
    if (viewport) this.showLinked(viewport);
    else this.camera.showWhole();
    this.moved();
  }

  rememberView() {
    if (this.index) lastViews.set(this.key, this.camera.whole ? null : this.camera.viewport);
  }
}

/**
 * The points of a map, drawn with WebGL2.
 *
 * Columns are uploaded once and again only if they change. A large map is drawn as a sample while
 * the view moves; the whole picture follows in pieces, beside the visible one, so that a new
 * movement never waits for it.
 */

import { drawOrder } from "./draw_order.js";
import { linked } from "./shaders.js";

/** Points that are always drawn at once. */
const AT_ONCE = 150000;
/** Points of one piece of a large picture. */
const PIECE = 131072;
const STEPS = 65534;
const PALETTE_WIDTH = 256;
const ATTRIBUTES = ["x", "y", "code", "state", "weight"];

/** A browser without WebGL2, or with too many graphics contexts already. */
export class NoWebGL extends Error {}

export class Renderer {
  /** Throws NoWebGL if the browser cannot draw the map. */
  constructor(canvas) {
    const options = { alpha: true, antialias: false, depth: false, stencil: false };
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", options);
    if (!this.gl) throw new NoWebGL("This browser has no WebGL2.");
    this.columns = { count: 0 };
    this.colours = { ink: [0, 0, 0, 1], faded: [0.85, 0.85, 0.85, 0.7] };
    this.spread = 0;
    this.frame = [0, 1, 0, 1];
    this.pending = null;
    this._create();
  }

  /** Make everything that lives in the graphics context, at the start and after its loss. */
  _create() {
    const { gl } = this;
    this.program = linked(gl, ATTRIBUTES);
    this.uniforms = {};
    for (const name of ["scale", "offset", "diameter", "spread", "faded", "palette", "rim", "ink"]) {
      this.uniforms[name] = gl.getUniformLocation(this.program, name);
    }
    this.array = gl.createVertexArray();
    this.buffers = Object.fromEntries(
      [...ATTRIBUTES, "all", "sample"].map((name) => [name, gl.createBuffer()]),
    );
    this.palette = gl.createTexture();
    this.picture = null;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Upload everything again after the loss of the graphics context. */
  restore() {
    this._create();
    const { x, y, codes, states, weights, palette } = this.columns;
    if (!x) return;
    this.setPositions(x, y, this.frame);
    if (palette) this.setColours(codes, palette, this.colours);
    if (weights) this.setWeights(weights, this.spread);
    if (states) this.setStates(states);
  }

  /** Places of all points: steps of 16 bits in the frame x0, x1, y0, y1. */
  setPositions(x, y, frame) {
    Object.assign(this.columns, { x, y, count: x.length });
    this.frame = frame;
    this._attribute("x", x);
    this._attribute("y", y);
  }

  /**
   * @param {Uint8Array|Uint16Array} codes one for each point, 0 for none
   * @param {Uint8Array} palette RGBA of every code
   * @param {{ink: number[], faded: number[]}} colours RGBA from 0 to 1
   */
  setColours(codes, palette, colours) {
    const { gl } = this;
    Object.assign(this.columns, { codes, palette });
    this.colours = colours;
    this._attribute("code", codes);
    const rows = Math.ceil(palette.length / 4 / PALETTE_WIDTH);
    const texels = new Uint8Array(PALETTE_WIDTH * rows * 4);
    texels.set(palette);
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.texImage2D(
      gl.TEXTURE_2D, 0, gl.RGBA, PALETTE_WIDTH, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels,
    );
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    this.pending = null;
  }

  /** Sizes of the points from 0 to 255, and how much they count from 0 to 1. */
  setWeights(weights, spread) {
    this.columns.weights = weights;
    this.spread = weights ? spread : 0;
    if (weights) this._attribute("weight", weights);
  }

  /** The state of every point (see draw_order.js); the order of drawing follows from it. */
  setStates(states) {
    const { gl } = this;
    this.columns.states = states;
    this._attribute("state", states);
    const order = drawOrder(this.columns.codes, states);
    this.lengths = { all: order.all.length, sample: order.sample.length };
    gl.bindVertexArray(this.array);
    for (const name of ["all", "sample"]) {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[name]);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order[name], gl.DYNAMIC_DRAW);
    }
    this.pending = null;
  }

  _attribute(name, values) {
    const { gl } = this;
    const place = ATTRIBUTES.indexOf(name);
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    const type = values.BYTES_PER_ELEMENT === 1 ? gl.UNSIGNED_BYTE : gl.UNSIGNED_SHORT;
    gl.enableVertexAttribArray(place);
    if (name === "code" || name === "state") gl.vertexAttribIPointer(place, 1, type, 0, 0);
    else gl.vertexAttribPointer(place, 1, type, name === "weight", 0, 0);
  }

  /**
   * Draw what the camera sees.
   *
   * @param {Camera} camera
   * @param {boolean} moving whether a sample is enough for now
   * @returns {boolean} whether the picture is complete; if not, call again in the next frame
   */
  draw(camera, moving) {
    const { gl } = this;
    if (!this.lengths || gl.isContextLost()) return true;
    this._prepare(camera);
    if (this.columns.count <= AT_ONCE || moving || !this.drawn) {
      this.drawn = true;
      this.pending = null;
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const few = this.columns.count <= AT_ONCE;
      this._drawRange(few ? "all" : "sample", 0, this.lengths[few ? "all" : "sample"]);
      return few;
    }
    return this._drawPiece();
  }

  /** Draw a piece of the whole picture beside the visible one, and show it when it is complete. */
  _drawPiece() {
    const { gl, canvas } = this;
    const picture = this._picture();
    gl.bindFramebuffer(gl.FRAMEBUFFER, picture.framebuffer);
    if (this.pending === null) {
      gl.clear(gl.COLOR_BUFFER_BIT);
      this.pending = 0;
    }
    const count = Math.min(PIECE, this.lengths.all - this.pending);
    this._drawRange("all", this.pending, count);
    this.pending += count;
    if (this.pending < this.lengths.all) return false;
    this.pending = null;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, picture.framebuffer);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    const size = [0, 0, canvas.width, canvas.height];
    gl.blitFramebuffer(...size, ...size, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    return true;
  }

  /** A picture that is not visible, of the size of the canvas. */
  _picture() {
    const { gl, canvas } = this;
    if (this.picture?.width === canvas.width && this.picture?.height === canvas.height) {
      return this.picture;
    }
    if (this.picture) {
      gl.deleteFramebuffer(this.picture.framebuffer);
      gl.deleteRenderbuffer(this.picture.buffer);
    }
    const { width, height } = canvas;
    const [framebuffer, buffer] = [gl.createFramebuffer(), gl.createRenderbuffer()];
    gl.bindRenderbuffer(gl.RENDERBUFFER, buffer);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA8, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, buffer);
    this.picture = { framebuffer, buffer, width, height };
    this.pending = null;
    return this.picture;
  }

  /** Set the uniforms for a camera. */
  _prepare(camera) {
    const { gl, canvas, uniforms } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.useProgram(this.program);
    gl.clearColor(0, 0, 0, 0);
    const [x0, x1, y0, y1] = camera.viewport;
    const [left, right, bottom, top] = this.frame;
    const scale = [(2 * (right - left)) / STEPS / (x1 - x0), (2 * (top - bottom)) / STEPS / (y1 - y0)];
    gl.uniform2f(uniforms.scale, ...scale);
    gl.uniform2f(
      uniforms.offset,
      (2 * left - x0 - x1) / (x1 - x0),
      (2 * bottom - y0 - y1) / (y1 - y0),
    );
    gl.uniform1f(uniforms.diameter, diameterOf(this.columns.count, camera) * camera.pixelRatio);
    gl.uniform1f(uniforms.spread, this.spread);
    gl.uniform1f(uniforms.rim, this.rim(camera));
    gl.uniform4fv(uniforms.faded, this.colours.faded);
    gl.uniform4fv(uniforms.ink, this.colours.ink);
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.uniform1i(uniforms.palette, 0);
  }

  /** Device pixels of the ink around selected points: the fewer there are, the more they need it. */
  rim(camera) {
    const share = (this.selected ?? 0) / Math.max(this.columns.count, 1);
    return share > 0.25 ? 0 : (share > 0.05 ? 0.7 : 1.2) * camera.pixelRatio;
  }

  _drawRange(name, start, count) {
    const { gl } = this;
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[name]);
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, start * 4);
  }

  /** Free the graphics context at once; a browser has few of them. */
  destroy() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.columns = { count: 0 };
  }
}

/** The diameter of an ordinary point in CSS pixels: from the room for each, growing with zoom. */
export function diameterOf(count, camera) {
  const spacing = Math.sqrt((camera.width * camera.height) / Math.max(count, 1));
  const least = Math.min(Math.max(0.5 * spacing, 1.6), 6);
  return Math.min(least * Math.max(camera.zoom, 1) ** 0.4, 13);
}

/**
 * The part of a canvas context that the map draws with, writing SVG instead of pixels. So that a
 * vector file shows the same shapes, lines and names as the screen.
 */

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const FIELDS = [
  "strokeStyle", "fillStyle", "lineWidth", "lineJoin", "lineCap", "globalAlpha", "font", "textAlign",
  "textBaseline", "dash",
];
const ANCHORS = { center: "middle", left: "start", right: "end", start: "start", end: "end" };
/** From the middle of a line of text down to its base line, as a share of its size. */
const TO_BASE = 0.35;

/** Text for an attribute or the content of an element of XML; control characters are left out. */
export function escaped(text) {
  // XML 1.0 allows no other characters below 0x20, no lone surrogates and no 0xFFFE, 0xFFFF.
  const allowed = String(text).replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "");
  return allowed.replace(/[&<>"']/g, (char) => ESCAPES[char]);
}

const short = (value) => String(Math.round(value * 100) / 100);

export class SvgContext {
  /** @param {CanvasRenderingContext2D} measuring A real context that measures text. */
  constructor(measuring) {
    this.measuring = measuring;
    this.parts = [];
    this.path = "";
    this.kept = [];
    Object.assign(this, {
      strokeStyle: "#000000", fillStyle: "#000000", lineWidth: 1, lineJoin: "miter", lineCap: "butt",
      globalAlpha: 1, font: "10px sans-serif", textAlign: "start", textBaseline: "alphabetic", dash: [],
    });
  }

  save() {
    this.kept.push(FIELDS.map((field) => this[field]));
  }

  restore() {
    this.kept.pop()?.forEach((value, i) => {
      this[FIELDS[i]] = value;
    });
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${short(x)} ${short(y)}`;
  }

  lineTo(x, y) {
    this.path += `L${short(x)} ${short(y)}`;
  }

  closePath() {
    this.path += "Z";
  }

  /** A whole circle; the map draws no other arcs. */
  arc(x, y, radius) {
    const [left, r] = [short(x - radius), short(radius)];
    const [step, back] = [short(2 * radius), short(-2 * radius)];
    this.path += `M${left} ${short(y)}a${r} ${r} 0 1 0 ${step} 0a${r} ${r} 0 1 0 ${back} 0`;
  }

  rect(x, y, width, height) {
    this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`;
  }

  fillRect(x, y, width, height) {
    const box = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    this.parts.push(`<rect ${box} fill="${escaped(this.fillStyle)}"${this._alpha()}/>`);
  }

  fill(rule) {
    const how = rule === "evenodd" ? ' fill-rule="evenodd"' : "";
    this.parts.push(`<path d="${this.path}" fill="${escaped(this.fillStyle)}"${how}${this._alpha()}/>`);
  }

  stroke() {
    this.parts.push(`<path d="${this.path}" fill="none"${this._stroke()}${this._alpha()}/>`);
  }

  fillText(text, x, y) {
    this._text(text, x, y, ` fill="${escaped(this.fillStyle)}"`);
  }

  strokeText(text, x, y) {
    this._text(text, x, y, ` fill="none"${this._stroke()}`);
  }

  measureText(text) {
    this.measuring.font = this.font;
    return this.measuring.measureText(text);
  }

  _text(text, x, y, paint) {
    const [, weight, size, family] = /^(?:(\d+|bold|normal) )?([\d.]+)px (.*)$/.exec(this.font);
    const base = this.textBaseline === "middle" ? y + TO_BASE * Number(size) : y;
    const face = `font-family="${escaped(family)}" font-size="${size}" font-weight="${weight ?? 400}"`;
    const place = `x="${short(x)}" y="${short(base)}" text-anchor="${ANCHORS[this.textAlign]}"`;
    this.parts.push(`<text ${place} ${face}${paint}${this._alpha()}>${escaped(text)}</text>`);
  }

  _stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    return (
      ` stroke="${escaped(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}"` +
      ` stroke-linejoin="${this.lineJoin}" stroke-linecap="${this.lineCap}"${dash}`
    );
  }

  _alpha() {
    return this.globalAlpha === 1 ? "" : ` opacity="${short(this.globalAlpha)}"`;
  }
}

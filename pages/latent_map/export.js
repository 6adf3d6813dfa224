/**
 * The map as a file that equals the screen: PNG, SVG and a page of its own (HTML).
 *
 * A file has the title, the map with its view, colours, selection, shapes and names, the legend, and
 * the caption that names the bundle, N, the unit and the selection.
 */

import { drawOrder, FADED, SELECTED } from "./draw_order.js";
import { typeface } from "./names.js";
import { renderColours } from "./overlay.js";
import { withText } from "./png_text.js";
import { diameterOf, Renderer } from "./renderer.js";
import { standalonePage } from "./standalone.js";
import { SvgContext } from "./svg_context.js";

/** Points of an SVG file; more would make it too heavy for the programs that open it. */
export const MOST_SVG_POINTS = 30000;
const INK = { light: "#1f2933", dark: "#e4eaee" };
const QUIET = { light: "#65717e", dark: "#a3b0ba" };
export const PAPER = { light: "#ffffff", dark: "#12181d" };
const MARGIN = 16;
const TITLE = 34;
const ROW = 18;
const COLUMN = 230;
/** Entries of the legend in a file. */
const MOST_ENTRIES = 40;
const NOT_ON_MAP = 65535;
const STEPS = 65534;

/**
 * @typedef {Object} Scene What a file shows; `sceneOf` in export_menu.js takes it from a map.
 * @property {Uint16Array} x Steps of the frame.
 * @property {Uint16Array} y
 * @property {number[]} frame
 * @property {import("./colours.js").Colour} colour
 * @property {Uint8Array} palette RGBA of each code.
 * @property {Uint8Array} states See draw_order.js.
 * @property {number} selected Selected latents.
 * @property {number[]} counts Selected latents of each entry of the legend.
 * @property {import("./camera.js").Camera} camera
 * @property {"light"|"dark"} theme
 * @property {string} title
 * @property {string[]} lines The caption and notes.
 * @property {string} provenance Where it comes from (`charts/core/provenance.py`), safe in markup.
 * @property {(context: object) => void} drawOverlay Shapes, lines, rings and names.
 */

/**
 * @param {"png"|"svg"|"html"} kind
 * @param {Scene} scene
 * @param {{scale?: number}} [options] Pixels of the file for each CSS pixel, 1 to 4.
 * @returns {Promise<Blob>} Rejects with a sentence for the reader.
 */
export async function exportMap(kind, scene, { scale = 2 } = {}) {
  if (kind === "png") return pngOf(scene, scale);
  if (kind === "svg") return new Blob([svgOf(scene)], { type: "image/svg+xml" });
  return new Blob([await standalonePage(scene)], { type: "text/html" });
}

async function pngOf(scene, scale) {
  const canvas = document.createElement("canvas");
  const measuring = canvas.getContext("2d");
  const page = layoutOf(scene, measuring);
  canvas.width = Math.round(page.width * scale);
  canvas.height = Math.round(page.height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const points = pointsPicture(scene, scale);
  drawPage(context, scene, page, () => {
    context.drawImage(points, page.left, page.top, scene.camera.width, scene.camera.height);
  });
  points.release();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("The picture is too large for this browser; choose a smaller scale.");
  return withText(blob, scene.provenance);
}

/** The points on a canvas of their own, drawn as on the screen. */
export function pointsPicture(scene, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scene.camera.width * scale);
  canvas.height = Math.round(scene.camera.height * scale);
  const renderer = new Renderer(canvas);
  renderer.setPositions(scene.x, scene.y, scene.frame);
  renderer.setColours(scene.colour.codes, scene.palette, renderColours(scene.theme));
  if (scene.weights) renderer.setWeights(scene.weights, scene.spread);
  renderer.selected = scene.selected;
  renderer.setStates(scene.states);
  const camera = Object.create(scene.camera, { pixelRatio: { value: scale } });
  while (!renderer.draw(camera, false));
  canvas.release = () => renderer.destroy();
  return canvas;
}

/** The same page as SVG. Throws a sentence if it has too many points. */
export function svgOf(scene) {
  const shown = shownPoints(scene);
  if (shown.length > MOST_SVG_POINTS) {
    const most = MOST_SVG_POINTS.toLocaleString("en");
    throw new Error(
      `${shown.length.toLocaleString("en")} points are shown, and an SVG file has at most ${most}; ` +
        "zoom in, or choose PNG.",
    );
  }
  const measuring = document.createElement("canvas").getContext("2d");
  const page = layoutOf(scene, measuring);
  const context = new SvgContext(measuring);
  const { left, top } = page;
  const { width, height } = scene.camera;
  const clip = `<clipPath id="map"><rect width="${width}" height="${height}"/></clipPath>`;
  drawPage(context, scene, page, () => {
    context.parts.push(`<g transform="translate(${left} ${top})" clip-path="url(#map)">`);
    context.parts.push(...circles(scene, shown), "</g>");
  });
  const size = `width="${page.width}" height="${page.height}"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${page.width} ${page.height}">` +
    `<metadata id="clearwater">${scene.provenance}</metadata><defs>${clip}</defs>${context.parts.join("\n")}</svg>\n`
  );
}

/** The points in view, from the lowest to the highest. */
function shownPoints(scene) {
  const [x0, x1, y0, y1] = scene.camera.viewport;
  return [...drawOrder(scene.colour.codes, scene.states).all].filter((point) => {
    if (scene.x[point] === NOT_ON_MAP) return false;
    const [x, y] = placeOf(scene, point);
    return x >= x0 && x <= x1 && y >= y0 && y <= y1;
  });
}

function placeOf({ x, y, frame: [x0, x1, y0, y1] }, point) {
  return [x0 + (x[point] / STEPS) * (x1 - x0), y0 + (y[point] / STEPS) * (y1 - y0)];
}

/** A circle for each point, of the sizes and colours that shaders.js gives it. */
function circles(scene, points) {
  const { camera, colour, palette, states, theme } = scene;
  const diameter = diameterOf(scene.x.length, camera);
  const { faded, ink } = renderColours(theme);
  const share = scene.selected / Math.max(scene.x.length, 1);
  const rim = share > 0.25 ? 0 : share > 0.05 ? 0.7 : 1.2;
  return points.map((point) => {
    const [px, py] = camera.toPixel(...placeOf(scene, point));
    const [state, code] = [states[point], colour.codes[point]];
    let size = diameter * (state === FADED ? 0.8 : code === 0 && state !== SELECTED ? 0.75 : 1);
    if (state === SELECTED) size = size * 1.35 + 1;
    const rgba = state === FADED ? faded.map((part) => part * 255) : palette.subarray(4 * code, 4 * code + 4);
    const [red, green, blue, alpha] = rgba;
    const line = state === SELECTED && rim ? ` stroke="${css(ink.map((p) => p * 255))}" stroke-width="${rim}"` : "";
    const radius = size / 2 + (line ? rim / 2 : 0);
    return (
      `<circle cx="${px.toFixed(2)}" cy="${py.toFixed(2)}" r="${radius.toFixed(2)}" ` +
      `fill="${css([red, green, blue])}" fill-opacity="${(alpha / 255).toFixed(2)}"${line}/>`
    );
  });
}

function css([red, green, blue]) {
  return `rgb(${Math.round(red)},${Math.round(green)},${Math.round(blue)})`;
}

/** Where the parts of a page are, in CSS pixels. */
function layoutOf(scene, measuring) {
  const { width, height } = scene.camera;
  const inner = Math.max(width, 360);
  const columns = Math.max(1, Math.floor(inner / COLUMN));
  const entries = scene.colour.scale ? [] : shownEntries(scene);
  const rows = Math.ceil(entries.length / columns);
  measuring.font = `12px ${typeface()}`;
  const lines = scene.lines.flatMap((line) => wrapped(line, inner, measuring));
  const top = MARGIN + TITLE;
  const legendTop = top + height + 14;
  const legendHeight = 24 + (scene.colour.scale ? 34 : rows * ROW);
  const captionTop = legendTop + legendHeight + 10;
  return {
    left: MARGIN,
    top,
    width: inner + 2 * MARGIN,
    height: captionTop + lines.length * 17 + MARGIN,
    columns,
    rows,
    entries,
    lines,
    legendTop,
    captionTop,
  };
}

/** Entries of the legend with selected latents, the largest first. */
function shownEntries({ colour, counts }) {
  return colour.entries
    .map((entry, i) => ({ ...entry, count: counts[i] }))
    .filter(({ count }) => count > 0)
    .slice(0, MOST_ENTRIES);
}

function wrapped(text, width, measuring) {
  const lines = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line ? `${line} ${word}` : word;
    if (line && measuring.measureText(longer).width > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line ? [...lines, line] : lines;
}

/** Draw the page; `drawPoints` draws the points of the map at their place. */
function drawPage(context, scene, page, drawPoints) {
  const { theme, camera } = scene;
  context.fillStyle = PAPER[theme];
  context.fillRect(0, 0, page.width, page.height);
  text(context, scene.title, page.left, MARGIN + 10, INK[theme], `600 16px ${typeface()}`);
  drawPoints();
  drawShifted(context, page, camera, () => scene.drawOverlay(context));
  drawLegend(context, scene, page);
  page.lines.forEach((line, i) => {
    text(context, line, page.left, page.captionTop + 9 + 17 * i, QUIET[theme], `400 12px ${typeface()}`);
  });
}

/** Draw in the coordinates of the map, and only inside it. */
function drawShifted(context, { left, top }, { width, height }, draw) {
  if (context instanceof SvgContext) {
    context.parts.push(`<g transform="translate(${left} ${top})" clip-path="url(#map)">`);
    draw();
    context.parts.push("</g>");
    return;
  }
  context.save();
  context.translate(left, top);
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  draw();
  context.restore();
}

function drawLegend(context, scene, page) {
  const { colour, theme } = scene;
  text(context, colour.title, page.left, page.legendTop + 9, INK[theme], `600 12px ${typeface()}`);
  if (colour.scale) return drawBar(context, scene, page);
  page.entries.forEach((entry, i) => {
    const x = page.left + COLUMN * Math.floor(i / page.rows);
    const y = page.legendTop + 24 + ROW * (i % page.rows) + ROW / 2;
    context.fillStyle = colour.palette[theme][entry.code];
    context.beginPath();
    context.arc(x + 5, y, 5, 0, 2 * Math.PI);
    context.fill();
    const count = entry.count === entry.total ? `${entry.total}` : `${entry.count} / ${entry.total}`;
    const label = `${entry.label.slice(0, 24)} · ${count}`;
    text(context, label, x + 16, y, INK[theme], `400 12px ${typeface()}`);
  });
  return undefined;
}

function drawBar(context, { colour, theme }, page) {
  const steps = colour.palette[theme].slice(1);
  const [wide, y] = [Math.min(320, page.width - 2 * MARGIN), page.legendTop + 24];
  steps.forEach((step, i) => {
    context.fillStyle = step;
    context.fillRect(page.left + (wide * i) / steps.length, y, wide / steps.length + 0.5, 10);
  });
  const { least, most, ticks } = colour.scale;
  const inner = ticks.filter(({ at }) => at > 0.16 && at < 0.84);
  const marks = [{ at: 0, text: least }, ...inner, { at: 1, text: most }];
  for (const mark of marks) {
    const align = mark.at === 0 ? "left" : mark.at === 1 ? "right" : "center";
    text(context, mark.text, page.left + wide * mark.at, y + 21, QUIET[theme], `400 11px ${typeface()}`, align);
  }
}

function text(context, content, x, y, colour, font, align = "left") {
  context.font = font;
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(content, x, y);
}

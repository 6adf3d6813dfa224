/** The script of an exported page: the map to move and zoom in, without a server. */

import { Camera } from "./camera.js";
import { createLegend } from "./legend.js";
import { drawNames, forgetWidths, placeNames, setFamily, wantedNames, widthOf } from "./names.js";
import { drawEdges, placeNeighbours } from "./neighbourhood.js";
import { cleared, drawRing, drawShape, renderColours } from "./overlay.js";
import { diameterOf, Renderer } from "./renderer.js";

const STEPS = 65534;
/** The zoom of one step of a mouse wheel. */
const WHEEL = 0.0015;

const scene = JSON.parse(document.getElementById("scene").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const words = (text) => new Uint16Array(bytes(text).buffer);
const [x, y] = [words(scene.x), words(scene.y)];
const codes = scene.colour.bytes === 1 ? bytes(scene.codes) : words(scene.codes);
const host = document.querySelector(".map");
const [points, overlay] = host.querySelectorAll("canvas");
const { theme } = scene;

const renderer = new Renderer(points);
renderer.setPositions(x, y, scene.frame);
renderer.setColours(codes, bytes(scene.palette), renderColours(theme));
if (scene.weights) renderer.setWeights(bytes(scene.weights), scene.spread);
renderer.selected = scene.selected;
renderer.setStates(bytes(scene.states));
const camera = new Camera(scene.whole);

const legend = createLegend(host.querySelector(".legend-place"), { onToggle() {}, theme: () => theme });
legend.show(scene.colour, scene.counts);

setFamily(document.body);
document.fonts.ready.then(() => {
  forgetWidths();
  redraw();
});

let moving = false;
let rest = 0;
let request = 0;

function draw() {
  const complete = renderer.draw(camera, moving);
  const context = cleared(overlay, camera);
  const size = { width: camera.width, height: camera.height };
  const width = (name) => widthOf(context, name);
  const blocked = [];
  if (scene.neighbourhood) drawEdges(context, scene.neighbourhood, camera, theme);
  for (const shape of scene.shapes) drawShape(context, shape, camera, theme, shape);
  if (scene.focus !== null) ring(context, scene.focus);
  if (scene.neighbourhood) {
    const around = placeNeighbours(context, scene.neighbourhood, camera, size);
    blocked.push(...around.map(({ box }) => box));
    drawNames(context, around, theme, { neutral: true });
  }
  if (scene.names) {
    const { chosen = [], clusters, tiles } = scene.names;
    const wanted = [...chosen, ...wantedNames(clusters, tiles, camera.viewport)];
    const placed = placeNames(wanted, camera, size, width, { blocked, most: 25 - blocked.length });
    drawNames(context, placed, theme, { neutral: scene.colour.name !== "cluster" });
  }
  host.dataset.drawn = complete ? "all" : "part";
  if (!complete && !moving) redraw();
}

function ring(context, point) {
  const [x0, x1, y0, y1] = scene.frame;
  const place = [x0 + (x[point] / STEPS) * (x1 - x0), y0 + (y[point] / STEPS) * (y1 - y0)];
  const radius = diameterOf(x.length, camera) / 2 + 6;
  drawRing(context, camera.toPixel(...place), radius, theme, true);
}

function redraw() {
  cancelAnimationFrame(request);
  request = requestAnimationFrame(draw);
}

function moved() {
  moving = true;
  clearTimeout(rest);
  rest = setTimeout(() => {
    moving = false;
    redraw();
  }, 140);
  redraw();
}

new ResizeObserver(() => {
  const { clientWidth: width, clientHeight: height } = points;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  for (const canvas of [points, overlay]) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const first = camera.width <= 1;
  camera.resize(width, height, ratio);
  if (first) camera.show(scene.viewport);
  renderer.drawn = false;
  redraw();
}).observe(points);

host.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = host.getBoundingClientRect();
  const lines = event.deltaMode === 1 ? 16 : 1;
  const factor = Math.exp(-event.deltaY * lines * WHEEL);
  camera.zoomAt(factor, event.clientX - box.left, event.clientY - box.top);
  moved();
}, { passive: false });

const held = new Map();
host.addEventListener("pointerdown", (event) => {
  if (event.target.closest(".legend")) return;
  host.setPointerCapture(event.pointerId);
  held.set(event.pointerId, [event.clientX, event.clientY]);
});
host.addEventListener("pointermove", (event) => {
  const before = held.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
  if (other) pinch(before, now, other);
  else camera.panBy(now[0] - before[0], now[1] - before[1]);
  held.set(event.pointerId, now);
  moved();
});
for (const name of ["pointerup", "pointercancel"]) {
  host.addEventListener(name, (event) => held.delete(event.pointerId));
}

/** Zoom by two fingers, of which one stays. */
function pinch(before, now, other) {
  const box = host.getBoundingClientRect();
  const gap = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
  camera.zoomAt(gap(now) / Math.max(gap(before), 1), other[0] - box.left, other[1] - box.top);
}

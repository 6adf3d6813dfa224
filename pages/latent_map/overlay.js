/** What lies over the points: drawn shapes, rings and names. */

import { outline } from "./shapes.js";

const INK = { light: "#1f2933", dark: "#e4eaee" };
const PAPER = { light: "#ffffff", dark: "#12181d" };
const ACCENT = { light: "#1f6fb2", dark: "#5aa9e6" };
const HANDLE = 3.5;

/** Match a canvas to its size on the screen; return its context in CSS pixels, cleared. */
export function cleared(canvas, camera) {
  const context = canvas.getContext("2d");
  context.setTransform(camera.pixelRatio, 0, 0, camera.pixelRatio, 0, 0);
  context.clearRect(0, 0, camera.width, camera.height);
  return context;
}

/** A finished shape with its handles, or one that is being drawn. */
export function drawShape(context, shape, camera, theme, { drawing, subtracts }) {
  const corners = outline(shape).map(([x, y]) => camera.toPixel(x, y));
  if (!corners.length) return;
  context.save();
  context.beginPath();
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.strokeStyle = subtracts ? INK[theme] : ACCENT[theme];
  context.fillStyle = context.strokeStyle;
  context.lineJoin = "round";
  context.lineWidth = 1.5;
  if (subtracts) context.setLineDash([5, 4]);
  context.globalAlpha = drawing ? 0.12 : 0.05;
  context.fill("evenodd");
  context.globalAlpha = 1;
  context.stroke();
  context.setLineDash([]);
  if (!drawing && shape.kind === "box") drawHandles(context, corners, theme);
  context.restore();
}

function drawHandles(context, corners, theme) {
  context.fillStyle = PAPER[theme];
  for (const [x, y] of corners) {
    context.beginPath();
    context.rect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
    context.fill();
    context.stroke();
  }
}

/** A ring around a point: thin under the pointer, double for the latent in focus. */
export function drawRing(context, [x, y], radius, theme, focused) {
  context.save();
  context.strokeStyle = PAPER[theme];
  context.lineWidth = focused ? 5 : 4;
  circle(context, x, y, radius);
  context.strokeStyle = INK[theme];
  context.lineWidth = focused ? 2.5 : 1.5;
  circle(context, x, y, radius);
  context.restore();
}

function circle(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

/** RGBA from 0 to 1 for the renderer. */
export function renderColours(theme) {
  return theme === "dark"
    ? { ink: [0.94, 0.96, 0.97, 1], faded: [0.3, 0.35, 0.39, 0.55] }
    : { ink: [0.09, 0.12, 0.15, 1], faded: [0.84, 0.86, 0.88, 0.75] };
}

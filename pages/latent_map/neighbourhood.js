/**
 * The neighbourhood of the latent in focus: lines to its nearest decoder vectors and its strongest
 * partners, with their names.
 */

import { placeNames, widthOf } from "./names.js";

const INK = { light: "#1f2933", dark: "#e4eaee" };
const PAPER = { light: "#ffffff", dark: "#12181d" };
const PARTNER = { light: "#1f6fb2", dark: "#5aa9e6" };
/** Pixels around the end of a line or its name within which it is hit. */
const REACH = 9;

/**
 * @typedef {Object} Neighbourhood The answer of the neighbourhood route.
 * @property {number} latent
 * @property {number} x Data units.
 * @property {number} y Data units.
 * @property {string} measure
 * @property {{latent: number, name: string, x: number, y: number, nearest: string,
 *   partner: string}[]} neighbours
 */

/**
 * Draw the lines: dashed to the nearest decoder vectors, solid to partners.
 * @param {CanvasRenderingContext2D} context
 * @param {Neighbourhood} neighbourhood
 */
export function drawEdges(context, neighbourhood, camera, theme) {
  const from = camera.toPixel(neighbourhood.x, neighbourhood.y);
  context.save();
  context.lineCap = "round";
  for (const neighbour of neighbourhood.neighbours) {
    const to = camera.toPixel(neighbour.x, neighbour.y);
    line(context, from, to, PAPER[theme], 4, []);
    if (neighbour.partner) line(context, from, to, PARTNER[theme], 1.6, []);
    if (neighbour.nearest) {
      line(context, from, to, INK[theme], neighbour.partner ? 0.8 : 1.4, [2, 5]);
    }
  }
  for (const neighbour of neighbourhood.neighbours) end(context, neighbour, camera, theme);
  context.restore();
}

function line(context, [x0, y0], [x1, y1], colour, width, dash) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function end(context, neighbour, camera, theme) {
  const [x, y] = camera.toPixel(neighbour.x, neighbour.y);
  context.setLineDash([]);
  context.fillStyle = neighbour.partner ? PARTNER[theme] : INK[theme];
  context.strokeStyle = PAPER[theme];
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x, y, 4.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/**
 * The names of the neighbours that fit, with the value that makes them neighbours.
 * @param {Neighbourhood} neighbourhood
 * @returns {ReturnType<typeof placeNames>}
 */
export function placeNeighbours(context, neighbourhood, camera, size, blocked = []) {
  const names = neighbourhood.neighbours.map((neighbour) => ({
    kind: "latent",
    id: neighbour.latent,
    text: `${neighbour.name} ${neighbour.partner || neighbour.nearest}`,
    x: neighbour.x,
    y: neighbour.y,
    weak: false,
    own: true,
  }));
  return placeNames(names, camera, size, (name) => widthOf(context, name), { blocked });
}

/**
 * The neighbour whose point or name is at a pixel, or -1.
 * @param {Neighbourhood} neighbourhood
 * @param {ReturnType<typeof placeNames>} placed Their names.
 */
export function hitNeighbour(neighbourhood, placed, camera, px, py) {
  const named = placed.find(({ box }) => px >= box[0] && px <= box[1] && py >= box[2] && py <= box[3]);
  if (named) return named.id;
  const near = neighbourhood.neighbours.find((neighbour) => {
    const [x, y] = camera.toPixel(neighbour.x, neighbour.y);
    return Math.hypot(x - px, y - py) <= REACH;
  });
  return near ? near.latent : -1;
}

/** What the two kinds of lines mean, for the legend. */
export function edgeWords(neighbourhood) {
  return `solid: ${neighbourhood.measure} of the strongest partners · dotted: cosine of the nearest decoder vectors`;
}

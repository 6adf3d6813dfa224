/**
 * Names on the map: which of them are wanted at this zoom, where there is room, and how they look.
 *
 * All places are CSS pixels from the upper left corner of the map, all coordinates data units.
 */

/**
 * @typedef {Object} Name
 * @property {"cluster"|"latent"} kind
 * @property {number} id
 * @property {string} text
 * @property {number} x Data units.
 * @property {number} y Data units.
 * @property {boolean} weak
 * @property {number} [size] Latents of the cluster.
 * @property {number} [level] Of the cluster; 0 is the finest.
 * @property {number} [top] The coarsest level that holds the cluster or one that contains it.
 * @property {?number} [parent] The cluster that contains it.
 * @property {boolean} [own] Whether it is of what the reader has chosen: it may be farther from its
 *   point, so that it is not left out.
 * @property {string} [light] Colour on a light background; "" for ink.
 * @property {string} [dark] Colour on a dark background; "" for ink.
 */

/** Names at once. */
export const MOST = 25;
/** A level with more clusters in view is too fine. */
const CROWDED = 40;
/** Latents in a tile above which their names say nothing about the others. */
const MANY_LATENTS = 1500;
/** Zoom, 1 where the whole map fits, from which latents are named. */
export const NEAR = 2.5;
/** Typefaces for readers who do not have that of the page. */
const OTHERS = '"Liberation Sans", Arial, Helvetica, "DejaVu Sans", sans-serif';
/** The typeface of names; the one of the page once `setFamily` knows it. */
let family = OTHERS;
const INK = { light: "#1f2933", dark: "#e4eaee" };
const PAPER = { light: "#ffffff", dark: "#12181d" };
/** Pixels between a point and its name, and around each name. */
const GAP = 9;
const PAD = 3;
/** Pixels by which the name of a cluster may be moved up or down. */
const ASIDE = [24, 44];
/** Pixels by which the name of a chosen latent may be moved sideways, and up or down. */
const SIDEWAYS = 6;
const FARTHER = [21, 38];
/** Pixels by which the name of a chosen cluster may be moved up or down. */
const FAR_ASIDE = [...ASIDE, 64, 84, 104, 124];

/**
 * The level of clusters to name: the finest that is not crowded, else the coarsest.
 * @param {Name[]} names Of all levels.
 * @param {number[]} levels Coarsest first.
 * @param {number[]} viewport x0, x1, y0, y1 in data units.
 */
export function levelInView(names, levels, viewport) {
  const counts = new Map(levels.map((level) => [level, 0]));
  for (const name of names) {
    if (isInside(name, viewport)) counts.set(name.level, (counts.get(name.level) ?? 0) + 1);
  }
  return levels.findLast((level) => counts.get(level) <= CROWDED) ?? levels[0];
}

/**
 * The names that are wanted in a view, the most important first: clusters of one level and finer
 * ones that are in none of them, then latents where they are few.
 * @param {{names: Name[], levels: number[]}} clusters
 * @param {{count: number, names: Name[]}[]} tiles Of latents.
 * @param {number[]} viewport
 * @returns {Name[]}
 */
export function wantedNames(clusters, tiles, viewport) {
  const level = levelInView(clusters.names, clusters.levels, viewport);
  const named = clusters.names.filter(
    (name) => name.level === level || (name.level < level && name.top === name.level),
  );
  // A tile may hold the names of one latent twice only if it is loaded twice.
  const latents = tiles
    .filter((tile) => tile.count <= MANY_LATENTS)
    .flatMap((tile) => tile.names.map((name, rank) => ({ name, rank })))
    .sort((a, b) => a.name.weak - b.name.weak || a.rank - b.rank || a.name.id - b.name.id)
    .map(({ name }) => name);
  return [...named, ...latents].filter((name) => isInside(name, viewport));
}

/** A cluster is named beside a selection if it has this share of itself or of the selection. */
const OF_CLUSTER = 1 / 5;
const OF_SELECTION = 1 / 20;

/**
 * The names that belong to a selection: of selected latents, and of clusters that hold enough of it:
 * a fifth of the cluster, or a twentieth of the selection and more than one latent.
 * Beside the name of the cluster that holds all of it, that of a coarser one would be read as its
 * name, although it comes from other latents.
 * @param {Name[]} wanted
 * @param {Name[]} clusters Names of clusters of all levels.
 * @param {Map<number, number>} counts Selected latents of the clusters that colour the points.
 * @param {Uint8Array} mask 1 for each selected latent.
 * @param {?Name} [holder] The cluster that holds all of the selection (`holderOf`).
 */
export function selectedNames(wanted, clusters, counts, mask, holder = null) {
  const held = heldBy(clusters, counts);
  const selected = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return wanted.filter((name) => {
    if (name.kind === "latent") return mask[name.id] === 1;
    const count = held.get(name.id) ?? 0;
    if (holder && name.id !== holder.id && count === selected) return false;
    return count > 0 && (count >= name.size * OF_CLUSTER || (count > 1 && count >= selected * OF_SELECTION));
  });
}

/**
 * The finest cluster that holds all of a selection, and that colours the points or is all of it;
 * null for none and for a single latent, which has a name of its own.
 * @param {Name[]} clusters Names of clusters of all levels.
 * @param {Map<number, number>} counts Selected latents of the clusters that colour the points.
 * @param {number} selected Selected latents.
 */
export function holderOf(clusters, counts, selected) {
  if (selected < 2) return null;
  const held = heldBy(clusters, counts);
  const holders = clusters.filter(
    ({ id, size }) => held.get(id) === selected && (counts.has(id) || size === selected),
  );
  return holders.sort((a, b) => a.level - b.level)[0] ?? null;
}

/** The selected latents of each cluster: a coarse one holds what the clusters below it hold. */
function heldBy(clusters, counts) {
  const parents = new Map(clusters.map(({ id, parent }) => [id, parent]));
  const held = new Map();
  for (const [cluster, count] of counts) {
    for (let at = cluster; at !== null && at !== undefined; at = parents.get(at)) {
      held.set(at, (held.get(at) ?? 0) + count);
    }
  }
  return held;
}

function isInside({ x, y }, [x0, x1, y0, y1]) {
  return x >= x0 && x <= x1 && y >= y0 && y <= y1;
}

/**
 * The names that fit without overlap, in the order of the candidates. A name is written once, and
 * is moved inwards at the edge of the map.
 * @param {Name[]} candidates
 * @param {{toPixel: (x: number, y: number) => [number, number]}} camera
 * @param {{width: number, height: number}} size Of the map.
 * @param {(name: Name) => number} measureText Width of the text.
 * @param {{most?: number, blocked?: number[][], beside?: boolean}} [options] `blocked` are boxes
 *   [left, right, top, bottom] that names keep clear of; `beside` puts names of clusters above or
 *   below what is in their place.
 * @returns {(Name & {px: number, py: number, box: number[]})[]} `px`, `py` is the middle of the text.
 */
export function placeNames(candidates, camera, size, measureText, options = {}) {
  const { most = MOST, blocked = [], beside = false } = options;
  const taken = [...blocked];
  const texts = new Set();
  const placed = [];
  for (const name of candidates) {
    if (placed.length >= most) break;
    if (texts.has(name.text)) continue;
    const [x, y] = camera.toPixel(name.x, name.y);
    const half = measureText(name) / 2 + PAD;
    const high = fontSize(name) / 2 + PAD;
    const box = middles(name, x, y, half, beside)
      .map(([px, py]) => fitted(px, py, half, high, size))
      .find((one) => one && taken.every((other) => !overlap(one, other)));
    if (!box) continue;
    taken.push(box);
    texts.add(name.text);
    placed.push({ ...name, px: (box[0] + box[1]) / 2, py: (box[2] + box[3]) / 2, box });
  }
  return placed;
}

/** Where the middle of a name may be: on its cluster or `beside` it, or beside its point. */
function middles(name, x, y, half, beside) {
  if (name.kind === "cluster" && name.own) {
    const columns = [0, half + GAP, -half - GAP];
    const rows = [0, ...FAR_ASIDE.flatMap((row) => [-row, row])];
    return rows.flatMap((row) => columns.map((column) => [x + column, y + row]));
  }
  if (name.kind === "cluster") {
    return [[x, y], ...(beside ? ASIDE.flatMap((rows) => [[x, y - rows], [x, y + rows]]) : [])];
  }
  const [right, left] = [x + GAP + half - PAD, x - GAP - half + PAD];
  const near = [
    [right, y],
    [left, y],
    [x, y - 2 * GAP],
    [x, y + 2 * GAP],
  ];
  if (!name.own) return near;
  const rows = FARTHER.flatMap((row) => [y - row, y + row]);
  const sides = [
    [right + SIDEWAYS, y],
    [left - SIDEWAYS, y],
  ];
  return [...near, ...sides, ...rows.flatMap((row) => [[right, row], [left, row], [x, row]])];
}

/** The box of a name, moved inside the map; null if its place is outside or it is too wide. */
function fitted(x, y, half, high, { width, height }) {
  if (x < -half || x > width + half || y < 0 || y > height || 2 * half > width) return null;
  const px = Math.min(Math.max(x, half), width - half);
  const py = Math.min(Math.max(y, high), height - high);
  return [px - half, px + half, py - high, py + high];
}

/**
 * The cluster whose name is at a pixel; null for none.
 * @param {ReturnType<typeof placeNames>} placed
 */
export function clusterAt(placed, px, py) {
  const isHit = ({ kind, box }) =>
    kind === "cluster" && px >= box[0] && px <= box[1] && py >= box[2] && py <= box[3];
  return placed.find(isHit)?.id ?? null;
}

function overlap(a, b) {
  return a[0] < b[1] && b[0] < a[1] && a[2] < b[3] && b[2] < a[3];
}

/** Pixels: 11 for a latent and a small cluster, up to 15 for a large one. */
export function fontSize(name) {
  if (name.kind !== "cluster") return 11;
  return Math.round(Math.min(15, Math.max(11, 9.5 + Math.log2((name.size ?? 1) / 8 + 1))));
}

/** Write names in the typeface of an element, so that the map looks like the page. */
export function setFamily(element) {
  const own = getComputedStyle(element).fontFamily.replace(/,?\s*sans-serif$/, "");
  family = own ? `${own}, ${OTHERS}` : OTHERS;
}

/** The typefaces of the map, for a canvas and for files. */
export function typeface() {
  return family;
}

/** The font of a name, as a canvas takes it: clusters in bold, weak ones in ordinary weight. */
export function fontOf(name) {
  const weight = name.kind === "cluster" && !name.weak ? 600 : 400;
  return `${weight} ${fontSize(name)}px ${family}`;
}

const widths = new Map();

/** Measure again, because a typeface has arrived. */
export function forgetWidths() {
  widths.clear();
}

/** The width of a name, measured once. */
export function widthOf(context, name) {
  const font = fontOf(name);
  const key = `${font}\n${name.text}`;
  if (!widths.has(key)) {
    if (widths.size > 5000) widths.clear();
    context.font = font;
    widths.set(key, context.measureText(name.text).width);
  }
  return widths.get(key);
}

/**
 * Draw placed names with a halo; weak ones are pale.
 * @param {CanvasRenderingContext2D} context
 * @param {ReturnType<typeof placeNames>} placed
 * @param {"light"|"dark"} theme
 * @param {{neutral?: boolean, faded?: boolean}} [options] `neutral` when the points do not have the
 *   hues of clusters, `faded` when names must not draw the eye from a selection.
 */
export function drawNames(context, placed, theme, { neutral = false, faded = false } = {}) {
  context.save();
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 5;
  context.strokeStyle = PAPER[theme];
  for (const name of placed) {
    context.font = fontOf(name);
    context.globalAlpha = name.weak ? 0.85 : 1;
    context.strokeText(name.text, name.px, name.py);
    context.globalAlpha = faded ? 0.5 : name.weak ? 0.75 : 1;
    context.fillStyle = (!neutral && name[theme]) || INK[theme];
    context.fillText(name.text, name.px, name.py);
  }
  context.restore();
}

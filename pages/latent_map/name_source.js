/** Where names come from: those of all clusters once, and those of latents by tile when near. */

import { NEAR } from "./names.js";

/** Tiles that a view may need at once. */
const MOST_TILES = 12;
/** Tiles that are kept. */
const MOST_KEPT = 96;
const DEEPEST = 16;

/**
 * The tiles that cover a view: about two across it.
 * @param {number[]} frame x0, x1, y0, y1 of the whole map.
 * @param {number[]} viewport
 * @returns {{zoom: number, column: number, row: number}[]}
 */
export function tilesOf(frame, viewport) {
  const [x0, x1, y0, y1] = frame;
  const span = Math.min((viewport[1] - viewport[0]) / (x1 - x0), (viewport[3] - viewport[2]) / (y1 - y0));
  const zoom = Math.min(DEEPEST, Math.max(1, Math.floor(1 - Math.log2(span))));
  const tiles = 2 ** zoom;
  const place = (value, low, high) =>
    Math.min(tiles - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * tiles)));
  const found = [];
  for (let row = place(viewport[2], y0, y1); row <= place(viewport[3], y0, y1); row += 1) {
    for (let column = place(viewport[0], x0, x1); column <= place(viewport[1], x0, x1); column += 1) {
      found.push({ zoom, column, row });
    }
  }
  return found.length > MOST_TILES ? [] : found;
}

/**
 * @param {{url: string, load: (address: string) => Promise<any>, onLoad: () => void}} options
 *   `url` is the address of the names of clusters, `load` reads JSON.
 */
export function createNameSource({ url, load, onLoad }) {
  const [base] = url.split("?");
  const kept = new Map();
  let clusters = null;
  let ended = false;
  const take = (address, taken) =>
    load(address).then(
      (content) => {
        if (ended) return;
        taken(content);
        onLoad();
      },
      () => taken(null),
    );
  take(url, (content) => {
    clusters = content;
  });

  /** A tile that is here, or null; asks for it if `asks`. */
  function tileAt({ zoom, column, row }, asks) {
    const address = `${base}/${zoom}/${column}/${row}`;
    if (!kept.has(address)) {
      if (!asks) return null;
      kept.set(address, null);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
      take(address, (content) => kept.set(address, content));
    }
    return kept.get(address);
  }

  return {
    /**
     * What is known for a view. While the view moves (`moving`), nothing new is asked for.
     * @returns {?{clusters: object, tiles: object[]}}
     */
    inView(camera, moving) {
      if (!clusters) return null;
      const near = camera.zoom >= NEAR;
      const tiles = near ? tilesOf(clusters.frame, camera.viewport) : [];
      return { clusters, tiles: tiles.map((tile) => tileAt(tile, !moving)).filter(Boolean) };
    },
    destroy() {
      ended = true;
    },
  };
}

/** What a map shows when it opens: the part that its link gives, else where its selection is. */

import { boundsOf } from "./selection_mask.js";
import { bitsOf } from "./source.js";

/** Margin around the selection, as a share of it, so that the names of its latents have room. */
const MARGIN = 0.18;
/** The zoom below which the whole map shows a selection as well. */
const LITTLE = 1.25;
/** The largest zoom: around a few latents there is more to see. */
const NEAR = 4;

/** @param {import("./latent_map.js").LatentMap} map Its camera shows the whole map. */
export function showFirst(map) {
  const { viewport, mask } = map.data;
  if (viewport) map.showLinked(viewport);
  else if (mask !== null) showSelected(map, bitsOf(mask, map.total));
}

/** Show the selected points if they are in a part of the map. */
function showSelected(map, mask) {
  const bounds = boundsOf(mask, map.index.points, map.x, map.y);
  if (!bounds) return;
  // By the shape of the whole map: the window may not have its size yet.
  const [x0, x1, y0, y1] = map.rectangleOfSteps(...bounds, MARGIN);
  const [left, right, bottom, top] = map.camera.frame;
  const zoom = Math.min((right - left) / (x1 - x0), (top - bottom) / (y1 - y0));
  if (zoom < LITTLE) return;
  const wider = Math.max(1, zoom / NEAR) / 2;
  const [x, y, halfWidth, halfHeight] = [(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * wider, (y1 - y0) * wider];
  map.camera.show([x - halfWidth, x + halfWidth, y - halfHeight, y + halfHeight]);
}

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
  const { camera } = map;
  const place = camera.placeOf(map.rectangleOfSteps(...bounds, MARGIN));
  const whole = camera.scale / camera.zoom;
  if (place.scale < LITTLE * whole) return;
  camera.showPlace({ ...place, scale: Math.min(place.scale, NEAR * whole) });
}

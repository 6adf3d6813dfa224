/**
 * The map of the latents as a component of Streamlit: one map for each place on the page, which
 * stays when Python runs again and takes only what has changed.
 *
 * A component is called again whenever its data change. What it returns is called when it leaves
 * the page, and also when a newer call has begun, which may be before that call arrives here. So
 * only its place tells: a map that is on the page stays.
 */

import { LatentMap } from "./latent_map.js";
import { NoWebGL } from "./renderer.js";
import { reportDrawn } from "./source.js";

const maps = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const map = maps.get(parentElement) ?? create(parentElement);
  maps.set(parentElement, map);
  map.send = (gestures) => setTriggerValue("gestures", gestures);
  map.update(data);
  return () => {
    if (parentElement.isConnected || maps.get(parentElement) !== map) return;
    maps.delete(parentElement);
    map.destroy();
  };
}

/** The map, or what asks Python for a chart in its place if it cannot be drawn here. */
function create(parentElement) {
  try {
    return new LatentMap(parentElement);
  } catch (error) {
    if (!(error instanceof NoWebGL)) throw error;
    return {
      update({ answered, drawnAt }) {
        if (drawnAt) reportDrawn(drawnAt);
        this.send([{ kind: "unsupported", serial: answered + 1 }]);
      },
      destroy() {},
    };
  }
}

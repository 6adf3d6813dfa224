/**
 * The map of the latents as a component of Streamlit: one map for each place on the page, which
 * stays when Python runs again and takes only what has changed.
 *
 * A component is called again whenever its data change. What it returns is called when it leaves
 * the page, and also when a newer call has overtaken it; only the latest call may end the map.
 */

import { LatentMap } from "./latent_map.js";
import { NoWebGL } from "./renderer.js";

const maps = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let entry = maps.get(parentElement);
  if (!entry) {
    entry = { map: create(parentElement), call: 0 };
    maps.set(parentElement, entry);
  }
  entry.call += 1;
  const call = entry.call;
  entry.map.send = (gesture) => setTriggerValue("gesture", gesture);
  entry.map.update(data);
  return () => {
    if (call !== entry.call) return;
    maps.delete(parentElement);
    entry.map.destroy();
  };
}

/** The map, or what asks Python for a chart in its place if it cannot be drawn here. */
function create(parentElement) {
  try {
    return new LatentMap(parentElement);
  } catch (error) {
    if (!(error instanceof NoWebGL)) throw error;
    return {
      update() {
        this.send({ kind: "unsupported" });
      },
      destroy() {},
    };
  }
}

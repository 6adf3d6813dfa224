/**
 * What the maps of a page have in common: the gestures on their way to Python, the focus, the mode,
 * what the size of points shows, the point under the pointer, and the selection until the server
 * answers. Each map has its own view.
 */

import { Outbox } from "./outbox.js";

const maps = new Set();
let serial = 0;

/** The focus that Python knows or will know, and the number of the gesture that carries it. */
export const focus = { later: null, sent: null, serial: 0 };

/** The gestures of all maps, in their order. */
export const outbox = new Outbox((gestures) => {
  for (const map of maps) map.link.write();
  [...maps].find((map) => map.send)?.send(gestures);
});

export function join(map) {
  maps.add(map);
}

/** When the last map leaves, its unsent gestures are dropped. */
export function leave(map) {
  maps.delete(map);
  if (maps.size) return;
  clearTimeout(focus.later);
  Object.assign(focus, { later: null, sent: null, serial: 0 });
  outbox.forget();
}

/** All maps of the page. */
export function everyMap() {
  return [...maps];
}

export function othersThan(map) {
  return [...maps].filter((other) => other !== map);
}

/** A number for a gesture, larger than those of all before. */
export function nextSerial(answered) {
  serial = Math.max(serial, answered) + 1;
  return serial;
}

/** Whether Python has answered all gestures. */
export function isAnswered(answered) {
  return serial <= answered;
}

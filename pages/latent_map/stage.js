/** The elements of the map on the page, and their size. */

/**
 * @param {ShadowRoot | HTMLElement} root
 * @returns the surface that takes gestures, the two canvases and the places for other parts
 */
export function createStage(root) {
  const host = root.querySelector(".map") ?? root.appendChild(document.createElement("div"));
  host.className = "map";
  host.replaceChildren();
  const add = (tag, name, attributes = {}) => {
    const element = host.appendChild(document.createElement(tag));
    element.className = name;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  return {
    host,
    points: add("canvas", "points", { "aria-hidden": "true" }),
    overlay: add("canvas", "overlay", { "aria-hidden": "true" }),
    surface: add("div", "surface", {
      tabindex: "0",
      role: "application",
      "aria-roledescription": "map",
      "aria-describedby": "keys",
    }),
    toolbar: add("div", "toolbar", { role: "toolbar", "aria-label": "Map" }),
    name: add("p", "map-name"),
    focus: Object.assign(add("button", "focus-chip", { title: "Leave it (Esc)" }), {
      type: "button",
      tabIndex: -1, // as the toolbar: the map has a key for it
      hidden: true,
    }),
    card: add("div", "card-place"),
    legend: add("div", "legend-place"),
    edges: add("p", "edges"),
    message: add("p", "message", { role: "status" }),
    summary: add("p", "unseen", { "aria-live": "polite" }),
    keys: Object.assign(add("p", "unseen", { id: "keys" }), { textContent: KEYS }),
  };
}

const KEYS =
  "Arrow keys move the map, plus and minus zoom, 0 shows all of it, S zooms to the selection. " +
  "M, B and L choose moving, a box or a lasso, E saves the map. Enter puts the latent in the middle in focus, and " +
  "opens the latent in focus. Escape clears the focus, then the selection.";

/** Call `resized` with the size of the points in CSS pixels at the start and whenever it changes. */
export function watchSize(stage, resized) {
  const observer = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = stage.surface;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    for (const canvas of [stage.points, stage.overlay]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    resized(width, height, ratio);
  });
  observer.observe(stage.surface);
  observer.observe(stage.host); // its width decides where the legend is
  return () => observer.disconnect();
}

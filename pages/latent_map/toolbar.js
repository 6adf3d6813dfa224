/** The buttons on the map. They are reached by keys of the map, not by Tab. */

const SVG = "http://www.w3.org/2000/svg";

/** Paths on a square of 24 units. */
const ICONS = {
  move: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  box: "M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3",
  lasso: "M12 4c5 0 9 2.5 9 6s-4 6-9 6-9-2.5-9-6 4-6 9-6zM7 15c-2 1-2 3 0 3.500s2 2-1 2.500",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  selection: "M8 12a4 4 0 1 0 8 0a4 4 0 1 0-8 0M12 3v3M12 18v3M3 12h3M18 12h3",
  size: "M5 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0M11 9a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 0 12",
  redo: "M15 7l5 5-5 5M20 12H10a6 6 0 0 0 0 12",
  clear: "M6 6l12 12M18 6L6 18",
};

/** Groups of buttons: name, words with the key, and whether it stays pressed. */
const GROUPS = [
  [
    ["move", "Move the map (M)", true],
    ["box", "Select with a box (B). Shift adds, Alt subtracts", true],
    ["lasso", "Select with a lasso (L). Shift adds, Alt subtracts", true],
  ],
  [
    ["plus", "Zoom in (+)"],
    ["minus", "Zoom out (−)"],
    ["whole", "Show the whole map (0)"],
    ["selection", "Zoom to the selection (S)"],
    ["size", "Size of the points by density (D)", true],
  ],
  [
    ["undo", "Undo the last selection (Ctrl+Z)"],
    ["redo", "Redo the selection (Shift+Ctrl+Z)"],
    ["clear", "Clear the selection (Esc)"],
  ],
];

/**
 * @param {HTMLElement} host
 * @param {(name: string) => void} onPress
 * @returns {{show: (pressed: Set<string>, disabled: Set<string>) => void}}
 */
export function createToolbar(host, onPress) {
  const buttons = new Map();
  for (const group of GROUPS) {
    const box = host.appendChild(document.createElement("div"));
    box.className = "group";
    for (const [name, words, toggles] of group) {
      const button = box.appendChild(document.createElement("button"));
      button.type = "button";
      button.tabIndex = -1;
      button.title = words;
      button.setAttribute("aria-label", words);
      button.dataset.name = name;
      button.append(icon(ICONS[name]));
      button.addEventListener("click", () => onPress(name));
      if (toggles) button.setAttribute("aria-pressed", "false");
      buttons.set(name, button);
    }
  }
  return {
    show(pressed, disabled) {
      for (const [name, button] of buttons) {
        button.disabled = disabled.has(name);
        if (button.hasAttribute("aria-pressed")) {
          button.setAttribute("aria-pressed", String(pressed.has(name)));
        }
      }
    },
  };
}

function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(SVG, "path")).setAttribute("d", path);
  return svg;
}

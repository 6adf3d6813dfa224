/** The menu on the toolbar that saves the map as a file, and its rows. */

const SVG = "http://www.w3.org/2000/svg";
const ICON = "M12 4v11M7.5 10.500L12 15l4.500-4.500M5 19h14";
const PICTURES = [
  ["PNG", "png", 1],
  ["PNG, 2 times as sharp", "png", 2],
  ["PNG, 3 times as sharp", "png", 3],
  ["PNG, 4 times as sharp", "png", 4],
  ["SVG, for drawing programs", "svg", 1],
  ["HTML, to move in without a server", "html", 1],
];
const ROWS = [
  ["Selected rows as Parquet", "parquet"],
  ["Selected rows as CSV", "csv"],
];

/**
 * @param {HTMLElement} host The toolbar.
 * @param {import("./latent_map.js").LatentMap} map
 * @param {import("./reading.js").Reading} reading
 */
export function createExportMenu(host, map, reading) {
  const group = host.appendChild(document.createElement("div"));
  group.className = "group export";
  const button = group.appendChild(document.createElement("button"));
  button.type = "button";
  button.tabIndex = -1;
  button.dataset.name = "export";
  button.title = "Save the map or its rows (E)";
  button.setAttribute("aria-label", button.title);
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  button.append(icon());
  const menu = document.createElement("div");
  menu.className = "export-menu";
  menu.hidden = true;
  host.append(menu);
  const state = menu.appendChild(document.createElement("p"));
  state.setAttribute("role", "status");
  const items = menu.appendChild(document.createElement("div"));
  items.setAttribute("role", "menu");
  items.setAttribute("aria-label", "Save the map or its rows");

  for (const [words, kind, scale] of PICTURES) {
    item(items, words, `${kind}-${scale}`, async () => {
      state.textContent = "Drawing …";
      try {
        // Read when it is needed: most readers never export.
        const [{ exportMap }, provenance] = await Promise.all([import("./export.js"), provenanceOf(map)]);
        const scene = { ...sceneOf(map, reading), provenance };
        save(await exportMap(kind, scene, { scale }), nameOf(map, kind));
        state.textContent = "";
        close();
      } catch (error) {
        state.textContent = error.message;
      }
    });
  }
  for (const [words, kind] of ROWS) {
    item(items, words, kind, () => {
      follow(rowsAddress(map, kind), nameOf(map, kind));
      close();
    });
  }

  const outside = (event) => {
    if (!event.composedPath().some((part) => part === menu || part === group)) close();
  };
  const keys = (event) => {
    const buttons = [...menu.querySelectorAll("button")];
    const at = buttons.indexOf(menu.getRootNode().activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) buttons[(at + step + buttons.length) % buttons.length].focus();
    else if (event.key === "Escape") close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  menu.addEventListener("keydown", keys);
  button.addEventListener("click", toggle);

  function toggle() {
    if (!menu.hidden) return close();
    menu.hidden = false;
    state.textContent = "";
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside);
    menu.querySelector("button").focus();
    return undefined;
  }

  function close(back = false) {
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
    if (back) map.stage.surface.focus();
  }

  return { toggle, destroy: () => document.removeEventListener("pointerdown", outside) };
}

function item(menu, words, name, onPress) {
  const button = menu.appendChild(document.createElement("button"));
  button.type = "button";
  button.setAttribute("role", "menuitem");
  button.dataset.kind = name;
  button.tabIndex = -1;
  button.textContent = words;
  button.addEventListener("click", onPress);
}

/**
 * What a file of the map shows.
 * @returns {import("./export.js").Scene}
 */
export function sceneOf(map, reading) {
  const { columns, spread } = map.renderer;
  const { data } = map;
  const selection = data.selectionText ? `Selection: ${data.selectionText}` : "";
  return {
    x: map.x,
    y: map.y,
    frame: data.frame,
    colour: reading.colour,
    palette: columns.palette,
    states: columns.states,
    weights: columns.weights,
    spread,
    selected: map.renderer.selected,
    counts: reading.counts,
    camera: map.camera,
    theme: data.theme,
    title: data.title,
    lines: [data.weakNote, data.caption, selection].filter(Boolean),
    drawOverlay: (context) => map.drawOverlayOn(context, { still: true }),
    parts: {
      shapes: map.shapes,
      focus: map.focus,
      neighbourhood: reading.neighbourhood,
      names: namesOf(reading),
    },
  };
}

/** The names for an exported page: those of the selection, and of all levels of clusters. */
function namesOf(reading) {
  const known = reading.known();
  if (!known) return null;
  const { clusters, tiles } = known;
  if (!reading.map.selection.mask || !reading.colour.ids.length) return known;
  const kept = (names) => reading.beside(names, clusters.names);
  return {
    chosen: reading.chosen(known),
    clusters: { ...clusters, names: kept(clusters.names) },
    tiles: tiles.map((tile) => ({ ...tile, names: kept(tile.names) })),
  };
}

/** The address of the selected rows in a form that the server has; with all that the colour depends on. */
function rowsAddress({ data }, kind) {
  const query = new URL(data.colour.url, document.baseURI).searchParams;
  query.set("select", data.selectionText);
  query.set("colour", data.colour.name);
  if (data.level) Object.entries(data.level).forEach(([key, value]) => query.set(key, value));
  return new URL(`${data.base}/rows/${data.map}.${kind}?${query}`, document.baseURI).href;
}

/** Where the map comes from, as JSON, with the link that shows it; it has no <, > and &. */
async function provenanceOf(map) {
  const response = await fetch(rowsAddress(map, "provenance"));
  if (!response.ok) throw new Error(await response.text());
  const page = location.pathname.split("/").pop();
  const provenance = { ...(await response.json()), view: `${page}${location.search}` };
  const code = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(provenance).replace(/[<>&]/g, code);
}

function nameOf(map, kind) {
  return `map-${map.data.map}_${map.data.bundle.slice(0, 8)}.${kind}`;
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function follow(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

function icon() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(SVG, "path")).setAttribute("d", ICON);
  return svg;
}

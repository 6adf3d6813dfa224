/**
 * The map as one page of its own: the modules that draw it, its data and a page to move in. It needs
 * no network, and its policy forbids any.
 */

import { typeface } from "./names.js";
import { escaped } from "./svg_context.js";

const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; " +
  "font-src data:; img-src data: blob:";
const IMPORT = /(from\s+|import\s+)"\.\/([\w]+\.js)"/g;
const FIRST = "standalone_page.js";

/** Bytes as base64. */
export function base64(array) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) {
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  }
  return btoa(text);
}

/**
 * @param {import("./export.js").Scene} scene
 * @returns {Promise<string>} HTML
 */
export async function standalonePage(scene) {
  const modules = await modulesFrom(FIRST);
  const imports = Object.fromEntries(
    [...modules].map(([name, source]) => [`map/${name}`, `data:text/javascript;base64,${base64(bytesOf(source))}`]),
  );
  const { codes, ...colour } = scene.colour;
  const data = {
    ...scene.parts,
    colour,
    counts: scene.counts,
    frame: scene.frame,
    whole: scene.camera.frame,
    viewport: scene.camera.viewport,
    theme: scene.theme,
    selected: scene.selected,
    spread: scene.spread,
    x: base64(scene.x),
    y: base64(scene.y),
    states: base64(scene.states),
    palette: base64(scene.palette),
    codes: base64(codes),
    weights: scene.weights ? base64(scene.weights) : null,
  };
  const title = escaped(scene.title);
  const captions = scene.lines.map((line) => `<p>${escaped(line)}</p>`).join("\n");
  return `<!doctype html>
<html lang="en" data-theme="${scene.theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${await fontFace()}${STYLE}
body { font-family: ${typeface()}; }</style>
<script type="importmap">${inScript({ imports })}</script>
</head>
<body>
<h1>${title}</h1>
<div class="map"><canvas></canvas><canvas></canvas><div class="legend-place"></div></div>
${captions}
<script type="application/json" id="clearwater">${scene.provenance}</script>
<script type="application/json" id="scene">${inScript(data)}</script>
<script type="module">import "map/${FIRST}";</script>
</body>
</html>
`;
}

/** The rule with the typeface of the map, if the page has one of its own. */
async function fontFace() {
  const name = typeface().split(",")[0].replace(/["']/g, "");
  const rules = [...document.styleSheets].flatMap((sheet) => {
    try {
      return [...sheet.cssRules];
    } catch {
      return []; // a sheet of another origin
    }
  });
  const rule = rules.find(
    (one) =>
      one instanceof CSSFontFaceRule && one.style.fontFamily.replace(/["']/g, "") === name &&
      one.style.fontStyle !== "italic",
  );
  const address = /url\(["']?([^"')]+)/.exec(rule?.style.getPropertyValue("src"))?.[1];
  if (!address) return "";
  const sheet = rule.parentStyleSheet.href ?? document.baseURI;
  const response = await fetch(new URL(address, sheet));
  if (!response.ok) return "";
  const font = base64(new Uint8Array(await response.arrayBuffer()));
  const weight = rule.style.fontWeight || "200 900";
  return (
    `@font-face { font-family: "${name}"; font-weight: ${weight}; ` +
    `src: url(data:font/woff2;base64,${font}) format("woff2"); }\n`
  );
}

/** JSON that cannot end the script that it is in. */
function inScript(value) {
  return JSON.stringify(value).replace(/</g, "\\u003c");
}

function bytesOf(text) {
  return new TextEncoder().encode(text);
}

/** The text of a module and of all that it imports, which import each other by bare names. */
async function modulesFrom(first) {
  const modules = new Map();
  const waiting = [first];
  while (waiting.length) {
    const name = waiting.pop();
    if (modules.has(name)) continue;
    const response = await fetch(new URL(`./${name}`, import.meta.url));
    if (!response.ok) throw new Error("The modules of the map could not be read; reload the page.");
    const source = await response.text();
    modules.set(name, source.replace(IMPORT, '$1"map/$2"'));
    for (const [, , other] of source.matchAll(IMPORT)) waiting.push(other);
  }
  return modules;
}

const STYLE = `
:root { --ink: #1f2933; --quiet: #65717e; --rule: #c4ccd4; --paper: #ffffff; }
[data-theme="dark"] { --ink: #e4eaee; --quiet: #a3b0ba; --rule: #46525c; --paper: #12181d; }
body { margin: 16px; color: var(--ink); background: var(--paper);
  font: 13px/1.5 sans-serif; }
h1 { font-size: 16px; }
p { color: var(--quiet); margin: 8px 0; }
.map { position: relative; height: min(78vh, 900px); border: 1px solid var(--rule); overflow: hidden;
  touch-action: none; cursor: grab; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.map[data-legend="beside"] canvas { width: calc(100% - 256px); }
.legend-place { position: absolute; top: 8px; right: 8px; width: 240px; }
.legend:not([open]) { width: max-content; margin-left: auto; }
.legend { background: var(--paper); border: 1px solid var(--rule); border-radius: 6px; padding: 6px 8px;
  max-height: 60vh; overflow: auto; }
.legend ul { list-style: none; margin: 4px 0 0; padding: 0; }
.legend-entry { display: flex; gap: 6px; align-items: center; width: 100%; border: 0; padding: 1px 0;
  background: none; color: inherit; font: inherit; text-align: left; }
.legend .none { opacity: .45; }
.legend-label { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.legend-count { color: var(--quiet); font-variant-numeric: tabular-nums; white-space: nowrap; }
.swatch { flex: none; width: 10px; height: 10px; border-radius: 50%; }
.colour-bar { position: relative; height: 30px; }
.ramp { height: 10px; border-radius: 2px; }
.tick { position: absolute; top: 13px; transform: translateX(-50%); font-size: 11px; }
.tick[data-edge="left"] { transform: none; }
.tick[data-edge="right"] { transform: translateX(-100%); }
`;

/**
 * Open the view of an exported file that is dropped on the page.
 *
 * The provenance is JSON inside the file (`charts/core/provenance.py`). It is read here; the file is
 * sent nowhere. Only a known page with query parameters is opened, whatever the file says.
 */

const PAGES = new Set(["", "map", "clusters", "cooccurrence", "pair", "latent"]);
const MOST_BYTES = 256 * 2 ** 20;
/** How the provenance begins. */
const START = '{"bundle":"';

export default function droppedFile() {
  if (window.clearwaterDroppedFile) return;
  window.clearwaterDroppedFile = true;
  window.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  window.addEventListener("drop", async (event) => {
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    const view = file.size <= MOST_BYTES ? viewIn(await file.text()) : null;
    if (view) window.location.assign(view);
    else notify(`${file.name} has no view to open. Drop a Parquet, PNG, SVG or HTML file that was ` +
      "exported from a page, or the side file of a CSV.");
  });
}

/** The address of the view in an exported file; null if there is none. */
export function viewIn(text) {
  const provenance = provenanceIn(text);
  const [page, query = ""] = String(provenance?.view ?? "").split(/\?(.*)/s);
  if (!provenance?.view || !PAGES.has(page)) return null;
  const address = new URL(`./${page}`, window.location.href);
  address.search = new URLSearchParams(query).toString();
  return address.href;
}

function provenanceIn(text) {
  try {
    return JSON.parse(text).clearwater;
  } catch {
    const start = text.indexOf(START);
    return start < 0 ? null : objectAt(text, start);
  }
}

/** The JSON object that begins at a place of a text. */
function objectAt(text, start) {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === "\\") at++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "{") depth++;
    else if (char === "}" && --depth === 0) {
      try {
        return JSON.parse(text.slice(start, at + 1));
      } catch {
        return null;
      }
    }
  }
  return null;
}

function notify(sentence) {
  const note = document.createElement("div");
  note.role = "status";
  note.textContent = sentence;
  note.style.cssText =
    "position:fixed;bottom:24px;left:50%;transform:translateX(-50%);z-index:1000000;padding:12px 16px;" +
    "max-width:min(560px,90vw);border-radius:8px;background:#1f2933;color:#fff;font:14px sans-serif";
  document.body.append(note);
  setTimeout(() => note.remove(), 8000);
}

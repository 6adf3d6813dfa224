/**
 * The view in the address bar, so that a copied link shows the same. Python reads it at its next
 * run; nothing here asks for one.
 */

/** Milliseconds that the view rests before it is written. Browsers limit how often. */
const REST = 200;
const DIGITS = 7;

/** The edges of a viewport as text; digits below a thousandth of its width have no meaning. */
export function viewportText([x0, x1, y0, y1]) {
  const decimals = Math.min(Math.max(Math.ceil(3 - Math.log10(x1 - x0)), 0), 9);
  const edge = (value) => String(Number(Number(value.toFixed(decimals)).toPrecision(DIGITS)));
  return [x0, x1, y0, y1].map(edge).join(",");
}

/** The viewport of a name in an address; null if it has none or an invalid one. */
export function viewportOf(search, name) {
  const text = new URLSearchParams(search).get(name);
  const edges = (text ?? "").split(",").map(Number);
  const valid = text && edges.length === 4 && edges.every(Number.isFinite);
  return valid && edges[0] < edges[1] && edges[2] < edges[3] ? edges : null;
}

export class Link {
  constructor() {
    this.changes = new Map();
    this.timer = 0;
    /** The parameters in the order in which Python writes them. */
    this.order = [];
    /** The page that the changes belong to: they are dropped once another one is shown. */
    this.path = location.pathname;
  }

  /** Set a parameter of the address, or remove it with null, when the view has come to rest. */
  set(name, text) {
    this.changes.set(name, text);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), REST);
  }

  /** Write what has been set, now. */
  write() {
    clearTimeout(this.timer);
    if (location.pathname !== this.path || !this.changes.size) return;
    const params = new URLSearchParams(location.search);
    for (const [name, text] of this.changes) {
      if (text === null) params.delete(name);
      else params.set(name, text);
    }
    this.changes.clear();
    const query = this._ordered(params).toString();
    const address = location.pathname + (query ? `?${query}` : "") + location.hash;
    if (address !== location.pathname + location.search + location.hash) {
      history.replaceState(history.state, "", address);
    }
  }

  /** The same address has the same text whoever writes it, so it is one step of the history. */
  _ordered(params) {
    const place = (name) => (this.order.indexOf(name) + 1 || this.order.length + 1);
    return new URLSearchParams([...params].sort(([a], [b]) => place(a) - place(b)));
  }

  destroy() {
    clearTimeout(this.timer);
  }
}

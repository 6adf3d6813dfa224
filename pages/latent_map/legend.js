/** The legend of the colours: entries with "selected / total", and a bar for numbers. */

/** Pixels of a map that has room for an open legend beside its points. */
const WIDE = 640;
/** Entries that are listed at first, and that each press on the last line adds. */
const AT_ONCE = 60;

/**
 * The places of the entries in the order in which they are listed: those with selected latents first.
 * @param {import("./colours.js").Colour} colour
 * @param {number[]} counts Selected latents of each entry.
 */
export function listOrder(colour, counts) {
  const places = counts.map((_, place) => place);
  if (colour.scale) return places;
  return [...places.filter((place) => counts[place] > 0), ...places.filter((place) => counts[place] === 0)];
}

/**
 * @param {HTMLElement} host
 * @param {{onToggle: (code: number) => void, theme?: () => "light"|"dark"}} options `onToggle` gets
 *   the code of an entry that was clicked.
 */
export function createLegend(host, { onToggle, theme = () => "light" }) {
  let rows = [];
  let more = null;
  /** Selected latents of each entry. */
  let shown = [];
  /** The places of the entries as they are listed. */
  let order = [];
  let list = null;
  /** Whether the pointer is over the list. */
  let isPointed = false;
  /** The colour whose entries are listed again once the pointer has left; null if it need not. */
  let postponed = null;
  /** Whether the reader has opened or closed it; null leaves it to the room. */
  let chosen = null;
  const isWide = () => host.parentElement.clientWidth >= WIDE;
  const isOpen = () => chosen ?? isWide();

  /** Leave the legend room of its own if the map is wide, so that it hides no point. */
  function place() {
    const open = host.querySelector("details")?.open ?? isOpen();
    host.parentElement.dataset.legend = open && isWide() ? "beside" : "over";
  }

  function build(colour) {
    const details = document.createElement("details");
    details.className = "legend";
    details.open = isOpen();
    const title = text("summary", "legend-title", colour.title);
    title.title = colour.meaning;
    title.tabIndex = -1;
    title.addEventListener("click", () => {
      chosen = !details.open;
    });
    details.addEventListener("toggle", place);
    details.append(title);
    if (colour.scale) details.append(colourBar(colour, theme()));
    list = text("ul", "legend-entries", "");
    list.tabIndex = 0; // the only stop of Tab of the map beside the map itself
    list.setAttribute("aria-label", `${colour.title}: the arrow keys go through the entries`);
    list.addEventListener("keydown", step);
    list.addEventListener("pointerenter", () => {
      isPointed = true;
    });
    list.addEventListener("pointerleave", leave);
    isPointed = false;
    postponed = null;
    rows = [];
    more = text("button", "legend-rest", "");
    more.type = "button";
    more.tabIndex = -1;
    more.addEventListener("click", () => {
      add(colour);
      write();
    });
    details.append(list, more);
    add(colour);
    host.replaceChildren(details);
    place();
  }

  /** List the next entries. */
  function add(colour) {
    for (const place of order.slice(rows.length, rows.length + AT_ONCE)) {
      rows.push({ place, ...row(list, colour, colour.entries[place], theme(), onToggle) });
    }
    const all = colour.entries.length;
    more.hidden = rows.length === all;
    const kind = colour.ids?.length ? " clusters" : "";
    more.textContent = `${rows.length.toLocaleString("en")} of ${all.toLocaleString("en")}${kind} listed · list more`;
  }

  function leave() {
    isPointed = false;
    if (postponed) arrange(postponed);
  }

  /**
   * List the entries again in another order; the one with the keys keeps them. No row may move under
   * the pointer of a reader who is about to press, so this waits until the pointer is elsewhere.
   */
  function arrange(colour) {
    postponed = isPointed ? colour : null;
    if (isPointed) return;
    const code = list.getRootNode().activeElement?.dataset.code;
    list.replaceChildren();
    rows = [];
    add(colour);
    write();
    if (code !== undefined) list.querySelector(`[data-code="${code}"]`)?.focus();
  }

  /** Write how many latents of each listed entry are selected. */
  function write() {
    rows.forEach(({ item, count, entry, place }) => {
      const selected = shown[place];
      count.textContent =
        selected === entry.total
          ? entry.total.toLocaleString("en")
          : `${selected.toLocaleString("en")} / ${entry.total.toLocaleString("en")}`;
      item.classList.toggle("none", selected === 0);
    });
  }

  let drawn = "";
  place();
  return {
    /**
     * @param {import("./colours.js").Colour} colour
     * @param {number[]} counts Selected latents of each entry.
     * @param {boolean} [isPart] Whether a part of the latents is selected: its entries come first.
     */
    show(colour, counts, isPart = false) {
      const key = `${colour.name} ${colour.title} ${theme()} ${colour.entries.length}`;
      const before = String(order);
      order = isPart ? listOrder(colour, counts) : counts.map((_, place) => place);
      if (key !== drawn) build(colour);
      else if (String(order) !== before) arrange(colour);
      drawn = key;
      shown = counts;
      write();
    },
    /** Open or close it as the map has room. */
    fit() {
      const details = host.querySelector("details");
      if (details) details.open = isOpen();
      place();
    },
    /** Build anew when it is shown next. */
    forget() {
      drawn = "";
    },
    destroy() {
      host.replaceChildren();
    },
  };
}

/** Go to the next or the last entry of the list of a key event. */
function step(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.indexOf(event.currentTarget.getRootNode().activeElement);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), buttons.length - 1);
  buttons[next]?.focus();
  event.preventDefault();
  event.stopPropagation();
}

function row(list, colour, entry, theme, onToggle) {
  const item = document.createElement("li");
  const button = text("button", "legend-entry", "");
  button.type = "button";
  button.tabIndex = -1;
  button.dataset.code = String(entry.code);
  button.title = meaningOf(entry);
  const swatch = text("span", "swatch", "");
  const middle = Math.round((entry.code + entry.last) / 2);
  swatch.style.backgroundColor = colour.palette[theme][middle];
  const count = text("span", "legend-count", "");
  button.append(swatch, text("span", "legend-label", entry.label), count);
  button.addEventListener("click", () => onToggle(entry.code));
  item.append(button);
  list.append(item);
  return { item, button, count, entry };
}

function meaningOf(entry) {
  return `Select the ${entry.total.toLocaleString("en")} latents: ${entry.label}`;
}

/** The colours of a scale with its ends and ticks. */
function colourBar(colour, theme) {
  const { scale, palette } = colour;
  const bar = text("div", "colour-bar", "");
  const ramp = text("div", "ramp", "");
  const steps = palette[theme].slice(1);
  const stops = Array.from({ length: 17 }, (_, i) => steps[Math.round((i / 16) * (steps.length - 1))]);
  ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  bar.append(ramp);
  const ends = [
    { at: 0, text: scale.least },
    { at: 1, text: scale.most },
  ];
  const inner = scale.ticks.filter(({ at }) => at > 0.16 && at < 0.84);
  for (const tick of [ends[0], ...inner, ends[1]]) {
    const label = text("span", "tick", tick.text);
    label.style.left = `${100 * tick.at}%`;
    label.dataset.edge = tick.at === 0 ? "left" : tick.at === 1 ? "right" : "";
    bar.append(label);
  }
  return bar;
}

function text(tag, name, content) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = content;
  return made;
}

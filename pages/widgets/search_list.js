/**
 * The best hits under the text field of the selection bar, while a reader types.
 *
 * The field is Streamlit's. Arrows mark a hit, Enter chooses the marked one, Escape closes the list.
 * Without a mark, Enter stays what it is: the text becomes the selection. All texts are set as text,
 * never as HTML.
 *
 * @typedef {{kind: string, item: number, name: string, more: string, note: string, select: string}}
 *   Hit
 */

const PLACE = ".st-key-selection-as-text";
const FIELD = `${PLACE} input`;
const GROUPS = {
  latent: "Latents",
  cluster: "Clusters",
  value: "Values of documents",
  token: "Tokens",
  document: "Documents",
  context: "Contexts",
};
const PAUSE = 120; // ms without a key before the hits are asked for
const AGAIN = 700; // ms until they are asked for again while the index is being made
const APPEARS = [0, 200, 1000, 4000]; // ms until the field is looked for
const LONGEST = 200;
/** A text with conditions is a selection; one in quotes is a text. */
const CONDITIONS = /^(?!\s*".*"\s*$).*([\w)]\s*[<>=]=?|\w\(|[&|])/;
const NARROWEST = 460; // px, unless the window is narrower
const HIGHEST = 680;
const BY_WORDS = "Words are matched, not meanings";
const HINT = "↑ ↓ choose a hit · Enter without a choice selects all latents with this text";
const MAP_HINT =
  "↑ ↓ choose a hit · a latent is shown on the map, with Shift it is opened · " +
  "Enter without a choice selects all latents with this text";
const MAKING = "The search index of this bundle is being made …";
const NONE = `Nothing matches. ${BY_WORDS}.`;

const lists = new WeakMap();

/**
 * A component is called again whenever its data change, and what it returned before is then called
 * too, so a list leaves only when its place has left the page.
 */
export default function searchList({ data, parentElement, setTriggerValue }) {
  const list = lists.get(parentElement) ?? new SearchList(parentElement);
  lists.set(parentElement, list);
  list.address = data.address;
  list.committed = data.committed;
  list.send = (hit) => setTriggerValue("chosen", hit);
  list.describeWhenThere();
  return () => {
    if (parentElement.isConnected || lists.get(parentElement) !== list) return;
    lists.delete(parentElement);
    list.destroy();
  };
}

class SearchList {
  constructor(place) {
    this.panel = place.querySelector(".search-panel");
    this.listbox = place.querySelector(".search-hits");
    this.status = place.querySelector(".search-status");
    /** @type {Hit[]} */
    this.hits = [];
    this.marked = -1;
    this.field = null;
    this.timer = 0;
    this.request = null;
    this.isWriting = false;
    this.stop = new AbortController();
    // In the capture phase: the field of Streamlit would take Enter as its own.
    const options = { capture: true, signal: this.stop.signal };
    document.addEventListener("focusin", (event) => this.onFocus(event), options);
    document.addEventListener("focusout", (event) => this.onLeave(event), options);
    document.addEventListener("input", (event) => this.onInput(event), options);
    document.addEventListener("keydown", (event) => this.onKey(event), options);
    for (const type of ["scroll", "resize"]) {
      window.addEventListener(type, () => this.isOpen && this.place(), options);
    }
    // A press must not take the focus from the field; a tap that scrolls the list is no click.
    this.panel.addEventListener("mousedown", (event) => event.preventDefault());
  }

  destroy() {
    this.close();
    this.stop.abort();
  }

  get isOpen() {
    return this.panel.matches(":popover-open");
  }

  /** React may put the field on the page after this component, and then anew. */
  describeWhenThere() {
    for (const wait of APPEARS) setTimeout(() => this.describe(document.querySelector(FIELD)), wait);
  }

  /** Tell screen readers what the field is. */
  describe(field) {
    if (!field) return;
    const stated = {
      role: "combobox",
      "aria-controls": this.listbox.id,
      "aria-autocomplete": "list",
      "aria-expanded": String(this.isOpen),
    };
    for (const [name, value] of Object.entries(stated)) field.setAttribute(name, value);
  }

  onFocus({ target }) {
    if (!target.matches?.(FIELD)) return;
    this.field = target;
    this.describe(target);
    fetch(this.url(""), { signal: this.stop.signal }).catch(() => {}); // it makes a missing index
  }

  onLeave({ target }) {
    if (target === this.field) this.close();
  }

  onInput({ target }) {
    if (this.isWriting || !target.matches?.(FIELD)) return;
    this.field = target;
    this.describe(target);
    clearTimeout(this.timer);
    const text = typed(target.value);
    if (!text) this.close();
    else this.timer = setTimeout(() => this.ask(text), PAUSE);
  }

  onKey(event) {
    const { key } = event;
    if (event.target !== this.field || event.isComposing) return;
    if (key === "Enter" && this.marked < 0) {
      this.close();
      return;
    }
    if (!this.isOpen) return;
    if (key === "Escape") this.close();
    else if (key === "Enter") this.choose(this.hits[this.marked], event.shiftKey);
    else if (key === "ArrowDown" && this.hits.length) this.mark(this.marked + 1);
    else if (key === "ArrowUp" && this.hits.length) this.mark(this.marked - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  url(text) {
    return new URL(`${this.address}?text=${encodeURIComponent(text)}`, document.baseURI);
  }

  async ask(text) {
    this.request?.abort();
    const request = (this.request = new AbortController());
    const isWanted = () => request === this.request && document.activeElement === this.field;
    try {
      const answer = await fetch(this.url(text), { signal: request.signal });
      const body = answer.ok ? await answer.json() : await answer.text();
      if (!isWanted()) return;
      if (answer.status === 202) {
        this.show([], MAKING);
        this.timer = setTimeout(() => this.ask(text), AGAIN);
      } else if (answer.ok) {
        this.show(body, body.length ? hintHere() : NONE);
      } else {
        this.show([], body);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.close();
    }
  }

  /** @param {Hit[]} hits grouped by kind */
  show(hits, status) {
    this.hits = hits;
    const choose = (hit, opens) => this.choose(hit, opens);
    this.listbox.replaceChildren(...groupsOf(hits, this.listbox.id, choose));
    this.status.textContent = status;
    this.mark(-1);
    if (!this.isOpen) this.panel.showPopover();
    this.place();
    this.listbox.scrollTop = 0;
    this.describe(this.field);
  }

  place() {
    const { left, bottom, width } = this.field.closest(PLACE).getBoundingClientRect();
    const wide = Math.min(Math.max(width, NARROWEST), innerWidth - 16);
    const high = (window.visualViewport?.height ?? innerHeight) - bottom - 12;
    Object.assign(this.panel.style, {
      left: `${Math.max(8, Math.min(left, innerWidth - wide - 8))}px`,
      top: `${bottom + 4}px`,
      width: `${wide}px`,
      maxHeight: `${Math.max(120, Math.min(high, HIGHEST))}px`,
    });
  }

  close() {
    clearTimeout(this.timer);
    this.request?.abort();
    this.request = null;
    this.hits = [];
    this.marked = -1;
    this.listbox.replaceChildren();
    this.status.textContent = "";
    if (this.isOpen) this.panel.hidePopover();
    this.field?.setAttribute("aria-expanded", "false");
    this.field?.removeAttribute("aria-activedescendant");
  }

  /** Mark a hit; one step beyond either end no hit is marked. */
  mark(index) {
    const options = this.listbox.querySelectorAll('[role="option"]');
    this.marked = index < -1 ? options.length - 1 : index >= options.length ? -1 : index;
    options.forEach((option, i) => {
      option.setAttribute("aria-selected", String(i === this.marked));
    });
    const option = options[this.marked];
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.field.setAttribute("aria-activedescendant", option.id);
    else this.field?.removeAttribute("aria-activedescendant");
  }

  /** Choose a hit; `opens` also where a map could show it. */
  choose({ kind, item, select }, opens = false) {
    this.write(this.committed);
    this.close();
    this.send({ kind, item, select, opens });
  }

  /** Give the field its last selection back, or it would take the typed text as a selection. */
  write(text) {
    this.isWriting = true;
    const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
    set.call(this.field, text); // React sees only what its own setter is passed by
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
    this.field.blur();
    this.isWriting = false;
  }
}

/** Where a map is shown, it flies to a chosen latent. */
function hintHere() {
  const keys = document.querySelector(".st-key-maps") ? MAP_HINT : HINT;
  return `${BY_WORDS} · ${keys}`;
}

/** What is searched; empty if the text is a selection with conditions. */
function typed(value) {
  const text = value.trim();
  if (CONDITIONS.test(text)) return "";
  const quoted = /^"(.+)"$/.exec(text);
  return (quoted ? quoted[1] : text).slice(0, LONGEST);
}

/** The hits as groups of options, each with a heading. */
function groupsOf(hits, id, choose) {
  const groups = [];
  hits.forEach((hit, i) => {
    if (hit.kind !== hits[i - 1]?.kind) {
      const heading = element("div", { className: "search-heading", id: `${id}-${hit.kind}` });
      heading.textContent = GROUPS[hit.kind];
      const group = element("div", {}, heading);
      group.setAttribute("role", "group");
      group.setAttribute("aria-labelledby", heading.id);
      groups.push(group);
    }
    groups.at(-1).append(optionOf(hit, `${id}-${i}`, choose));
  });
  return groups;
}

function optionOf(hit, id, choose) {
  const part = (className, textContent) => element("bdi", { className, textContent });
  const option = element(
    "div",
    { id, className: "search-hit", title: `${hit.name}  ${hit.more}`.trim() },
    part("search-name", hit.name),
    part("search-more", hit.more),
    part("search-note", hit.note),
  );
  option.setAttribute("role", "option");
  option.addEventListener("click", (event) => choose(hit, event.shiftKey));
  return option;
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

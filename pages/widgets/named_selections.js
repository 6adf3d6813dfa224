/**
 * The selections that a reader has named, kept in this browser.
 *
 * Each is a name and the text of a selection. Nothing of them reaches the server until one is
 * opened. All texts are set as text, never as HTML.
 */

const PLACE = "clearwater.selections";
const MOST = 200;

/** @typedef {{name: string, text: string}} Named */

/** @returns {Named[]} what is kept; nothing if it cannot be read */
function kept() {
  try {
    const stored = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    if (!Array.isArray(stored)) return [];
    return stored.filter((one) => typeof one?.name === "string" && typeof one?.text === "string");
  } catch {
    return [];
  }
}

/**
 * @param {Named[]} all
 * @returns {boolean} whether the browser has kept them
 */
function keep(all) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(all));
    return true;
  } catch {
    return false;
  }
}

/** Put a selection under a name, in place of the one that had this name. */
function named(all, name, text) {
  return [...all.filter((one) => one.name !== name), { name, text }].sort((a, b) =>
    a.name.localeCompare(b.name),
  );
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/**
 * @param {{data: {selection: string}, parentElement: ParentNode,
 *   setTriggerValue: (name: string, value: string) => void}} component
 *   `selection` is the text of the current selection; empty if everything is selected
 * @returns {() => void} ends it
 */
export default function namedSelections({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector("#named");
  let message = "";

  const change = (all) => {
    message = keep(all) ? "" : "This browser keeps no data for this page, so nothing was saved.";
    draw();
  };

  const row = (one) => {
    const open = element("button", { className: "open", type: "button", title: one.text }, one.name);
    open.onclick = () => setTriggerValue("open", one.text);
    const rename = element("button", { type: "button", ariaLabel: `Rename ${one.name}` }, "Rename");
    const remove = element("button", { type: "button", ariaLabel: `Delete ${one.name}` }, "Delete");
    const line = element("li", {}, open, rename, remove);
    rename.onclick = () => line.replaceWith(renaming(one));
    remove.onclick = () => change(kept().filter((other) => other.name !== one.name));
    return line;
  };

  const renaming = (one) => {
    const field = element("input", { value: one.name, maxLength: 80, ariaLabel: "New name" });
    const done = element("button", { type: "submit" }, "Rename");
    const form = element("form", {}, field, done);
    form.onsubmit = (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name) change(named(kept().filter((other) => other.name !== one.name), name, one.text));
    };
    setTimeout(() => field.select());
    return element("li", {}, form);
  };

  const saving = () => {
    const field = element("input", {
      placeholder: "Name of this selection",
      maxLength: 80,
      ariaLabel: "Name of this selection",
    });
    const form = element("form", {}, field, element("button", { type: "submit" }, "Save"));
    form.onsubmit = (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (!name) return;
      const all = named(kept(), name, data.selection);
      if (all.length > MOST) {
        message = `This browser keeps at most ${MOST} selections; delete one first.`;
        draw();
      } else change(all);
    };
    return form;
  };

  const draw = () => {
    const all = kept();
    root.replaceChildren(
      data.selection
        ? saving()
        : element("p", {}, "Select some latents to save the selection under a name."),
      element("ul", {}, ...all.map(row)),
      element("p", { role: "status" }, message),
    );
  };

  const fromOtherTab = (event) => event.key === PLACE && draw();
  window.addEventListener("storage", fromOtherTab);
  draw();
  return () => window.removeEventListener("storage", fromOtherTab);
}

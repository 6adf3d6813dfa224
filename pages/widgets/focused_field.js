/**
 * Move the focus into a field as soon as it is drawn, once for each form.
 *
 * A reader who has gone into another field meanwhile stays there.
 *
 * @param {{data: {field: string, form: string}}} component the class of the field, and which form
 * @returns {() => void} ends it
 */
export default function focusField({ data }) {
  const { field, form } = data;
  let frame = 0;
  const look = () => {
    if (window.clearwaterFocused === form || isTyping()) return;
    const input = document.querySelector(`.${field} input`);
    if (input === null) {
      frame = requestAnimationFrame(look);
      return;
    }
    window.clearwaterFocused = form;
    input.focus();
  };
  look();
  return () => cancelAnimationFrame(frame);
}

function isTyping() {
  const active = document.activeElement;
  return active !== null && active.matches("input, textarea, [contenteditable=true]");
}

/**
 * Make every change of the address that a reader causes one step of Back and Forward.
 *
 * Streamlit adds a step for a new page and another one when the script then writes the view to the
 * address, and one for each of several writes after one click. A change on the same page now
 * replaces the step before, unless the reader has pressed a key or a button since then.
 */
export default function addressSteps() {
  if (window.clearwaterAddressSteps) return;
  window.clearwaterAddressSteps = true;
  let acted = false;
  for (const type of ["pointerdown", "keydown", "drop"]) {
    window.addEventListener(type, () => (acted = true), { capture: true, passive: true });
  }
  window.addEventListener("popstate", () => (acted = false), { capture: true });

  const push = window.history.pushState;
  window.history.pushState = function (state, title, url) {
    const isSamePage = new URL(url ?? "", window.location.href).pathname === location.pathname;
    if (isSamePage && !acted) return this.replaceState(state, title, url);
    acted = false;
    return push.call(this, state, title, url);
  };
}

/**
 * Make every change of the address that a reader causes one step of Back and Forward, and let every
 * page begin at its top.
 *
 * Streamlit adds a step for a new page and another one when the script then writes the view to the
 * address, and one for each of several writes after one click. A change on the same page now
 * replaces the step before, unless the reader has pressed a key or a button since then.
 *
 * Streamlit draws all pages in one element that scrolls, and leaves it where the last page was read.
 */
export default function addressSteps() {
  if (window.clearwaterAddressSteps) return;
  window.clearwaterAddressSteps = true;
  let acted = false;
  let path = location.pathname;
  for (const type of ["pointerdown", "keydown", "drop"]) {
    window.addEventListener(type, () => (acted = true), { capture: true, passive: true });
  }
  const beginAtTop = () => {
    if (path !== location.pathname) document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
    path = location.pathname;
  };
  const onStep = () => {
    acted = false;
    beginAtTop();
  };
  window.addEventListener("popstate", onStep, { capture: true });

  const push = window.history.pushState;
  window.history.pushState = function (state, title, url) {
    const isSamePage = new URL(url ?? "", window.location.href).pathname === location.pathname;
    if (isSamePage && !acted) return this.replaceState(state, title, url);
    acted = false;
    push.call(this, state, title, url);
    beginAtTop();
  };
}

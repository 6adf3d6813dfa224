/**
 * Keep the colour bars of legends.
 *
 * Vega fills a colour bar by the address of the page and the id of a gradient. The address changes
 * while the page is read, and the charts of a page use the same ids, so a bar would be empty or have
 * the colours of another chart. Here each gradient gets an id of its own and is named without an
 * address.
 *
 * @returns {() => void} ends it
 */
export default function keep() {
  const VEGA = "gradient_";
  let waiting = 0;
  const mend = () => {
    waiting = 0;
    for (const gradient of document.querySelectorAll(`svg linearGradient[id^="${VEGA}"]`)) {
      window.clearwaterGradients = (window.clearwaterGradients ?? 0) + 1;
      gradient.dataset.vega = gradient.id;
      gradient.id = `legend-colours-${window.clearwaterGradients}`;
    }
    for (const filled of document.querySelectorAll(`svg [fill*="#${VEGA}"]`)) {
      const id = filled.getAttribute("fill").match(/#(gradient_\d+)/)?.[1];
      const gradient = filled.closest("svg").querySelector(`[data-vega="${id}"]`);
      if (gradient) filled.setAttribute("fill", `url(#${gradient.id})`);
    }
  };
  const observer = new MutationObserver(() => {
    waiting ||= requestAnimationFrame(mend);
  });
  observer.observe(document.body, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["fill", "id"],
  });
  mend();
  return () => {
    observer.disconnect();
    cancelAnimationFrame(waiting);
  };
}

/**
 * Run the page or fragment of this element again: every few seconds, or when an address has an
 * answer other than the one that was drawn. With `after`, once after each click on an element that
 * this selector names, and not before.
 *
 * Nothing is asked while the tab is hidden, and after failures more and more seldom. Nothing is
 * sent while the server runs the page, or shortly after the reader has done something that may run
 * it: Streamlit mixes two pages if the old one runs again while the new one is on its way.
 *
 * @param {{data: {seconds: number, address: string, drawn: string, after: string},
 *   setTriggerValue: (name: string, value: string) => void}} component
 *   without an address, every time is due
 * @returns {() => void} ends it
 */
export default function runAgain({ data, setTriggerValue }) {
  watchReader();
  const { seconds, address, after } = data;
  const stop = new AbortController();
  let { drawn } = data;
  let failures = 0;
  let timer = 0;
  let isAsking = false;

  const later = (action, wait) => {
    if (!stop.signal.aborted) timer = setTimeout(action, wait);
  };
  const next = () => {
    if (!after) later(look, Math.min(seconds * 1000 * 2 ** failures, LONGEST));
  };

  const look = async () => {
    if (document.hidden || isAsking) return; // goes on when the tab is shown
    const answer = address ? await ask() : String(performance.now());
    if (answer === undefined || answer === drawn) next();
    else send(answer);
  };

  const ask = async () => {
    isAsking = true;
    try {
      const answer = await fetch(new URL(address, document.baseURI), { signal: stop.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const text = await answer.text();
      failures = 0;
      return text;
    } catch {
      failures += 1;
      return undefined;
    } finally {
      isAsking = false;
    }
  };

  const send = (answer) => {
    if (!isIdle()) {
      later(() => send(answer), AGAIN);
      return;
    }
    drawn = answer;
    setTriggerValue("due", answer);
    next();
  };

  const onShown = () => {
    clearTimeout(timer);
    if (!document.hidden && !after) look();
  };
  const onClick = (event) => {
    if (!event.target.closest(after)) return;
    clearTimeout(timer);
    later(look, seconds * 1000);
  };
  document.addEventListener("visibilitychange", onShown, { signal: stop.signal });
  if (after) document.addEventListener("click", onClick, { signal: stop.signal, capture: true });
  next();
  return () => {
    clearTimeout(timer);
    stop.abort();
  };
}

const LONGEST = 60_000; // ms between two questions, however often the server has failed
const AGAIN = 200; // ms between two looks at whether the page is idle
const QUIET = 1_000; // ms after an act of the reader, in which the server may begin to run
const ACTS = ["pointerdown", "pointerup", "keydown", "drop", "popstate"];

function isIdle() {
  const app = document.querySelector("[data-testid=stApp]");
  const isRunning = app.dataset.testScriptState === "running";
  return !isRunning && performance.now() - window.clearwaterActed > QUIET;
}

/** Remember when the reader last did something, for all elements of this kind. */
function watchReader() {
  if (window.clearwaterActed !== undefined) return;
  window.clearwaterActed = -Infinity;
  for (const type of ACTS) {
    const remember = () => (window.clearwaterActed = performance.now());
    window.addEventListener(type, remember, { capture: true, passive: true });
  }
}

/**
 * Tell the server when the page changes between light and dark colours.
 *
 * Streamlit redraws itself when the browser or the reader changes the theme, but does not run the
 * script again, so charts would keep the colours of the other scheme.
 *
 * @param {{data: {drawn: "light"|"dark"}, setTriggerValue: (name: string, value: string) => void}} component
 * @returns {() => void} ends the watch
 */
export default function watch({ data, setTriggerValue }) {
  const app = document.querySelector("[data-testid=stApp]");
  let drawn = data.drawn;
  const compare = () => {
    const shown = getComputedStyle(app).colorScheme;
    if ((shown === "light" || shown === "dark") && shown !== drawn) {
      drawn = shown;
      setTriggerValue("scheme", shown);
    }
  };
  const observer = new MutationObserver(compare);
  observer.observe(app, { attributes: true, attributeFilter: ["class"] });
  compare();
  return () => observer.disconnect();
}

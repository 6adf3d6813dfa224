/** The card of the latent under the pointer. All text is put in as text, never as markup. */

/** Milliseconds that the pointer rests before the card is asked for, and that the card stays. */
export const DELAY = 125;
export const STAY = 260;
/** Pixels between the point and the card, and between the card and the edge of the map. */
const OFFSET = 16;
const EDGE = 6;
/** Red, green and blue of the strongest activation: orange, on which ink can be read. */
const STRONGEST = { light: [234, 115, 23], dark: [163, 74, 6] };
const PAPER = { light: [255, 255, 255], dark: [27, 35, 41] };

/**
 * @param {HTMLElement} host An element that covers the map and takes no pointer events.
 * @param {{fetchCard: (latent: number) => Promise<object>, onOpen: (latent: number) => void,
 *   theme?: () => "light"|"dark", delay?: number, stay?: number}} options `delay` and `stay` are
 *   milliseconds.
 */
export function createCard(host, { fetchCard, onOpen, theme = () => "light", delay = DELAY, stay = STAY }) {
  let timer = 0;
  /** The latent whose card is shown and whether it stays, and the one whose card is awaited. */
  let shown = null;
  let stays = false;
  let asked = null;

  function show(card, px, py, staying) {
    const box = cardBox(card, theme());
    if (staying) box.append(openButton(() => onOpen(card.latent)));
    host.replaceChildren(box);
    if (staying) box.classList.add("stays");
    else placeBox(box, host, px, py);
    shown = card.latent;
    stays = staying;
  }

  function hide() {
    clearTimeout(timer);
    asked = null;
    shown = null;
    stays = false;
    host.replaceChildren();
  }

  async function ask(latent, px, py, staying) {
    try {
      const card = await fetchCard(latent);
      if (asked === latent) show(card, px, py, staying);
    } catch {
      if (asked === latent) hide();
    }
  }

  return {
    /**
     * The pointer is on a latent, at a pixel of the map. After a click or tap the card comes at
     * once, stays, and has a button that opens the latent.
     */
    point(latent, px, py, staying = false) {
      clearTimeout(timer);
      if (latent === shown && (stays || !staying)) return;
      asked = latent;
      if (staying) ask(latent, px, py, true);
      else timer = setTimeout(() => ask(latent, px, py, false), delay);
    },
    /** The pointer has left the latent. */
    leave() {
      clearTimeout(timer);
      if (stays) return;
      asked = null;
      if (shown !== null) timer = setTimeout(hide, stay);
    },
    hide,
    destroy: hide,
  };
}

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function cardBox(card, theme) {
  const box = element("div", "card");
  box.dataset.latent = String(card.latent);
  const head = element("p", "card-head");
  head.append(element("span", "card-id", String(card.latent)));
  head.append(element("span", card.name ? "card-name" : "card-name none", card.name || "no label"));
  box.append(head);
  if (card.score) box.append(element("p", card.weak ? "card-score weak" : "card-score", scoreText(card)));
  const facts = element("p", "card-facts");
  facts.append(element("span", "card-density", `density ${card.density}`));
  if (card.flag) facts.append(element("span", "card-flag", card.flag));
  if (card.partners) facts.append(element("span", "card-partners", `${card.partners} partners`));
  box.append(facts);
  if (card.cluster) {
    const cluster = element("p", "card-cluster", card.cluster.name);
    cluster.style.color = card.cluster[theme];
    box.append(cluster);
  }
  if (card.tokens.length) box.append(tokenList(card.tokens));
  if (card.context.length) box.append(contextLine(card, theme));
  return box;
}

function scoreText(card) {
  return card.weak ? `${card.score} · weak` : card.score;
}

function tokenList(tokens) {
  const line = element("p", "card-tokens");
  tokens.forEach((token, i) => {
    if (i) line.append(" ");
    line.append(element("span", "card-token", token));
  });
  return line;
}

/** The tokens of the context, each shaded by its share of the latent's own maximum. */
function contextLine(card, theme) {
  const line = element("p", "card-context");
  line.title = card.source;
  card.context.forEach(({ text, ratio }, i) => {
    // Lines may break at the spaces of the text.
    const token = element("span", i === card.picked ? "picked" : "", text.replaceAll("\u00a0", " "));
    if (ratio > 0) token.style.backgroundColor = shade(ratio, theme);
    line.append(token);
  });
  return line;
}

/** Paper for 0 to dark orange for 1. */
export function shade(ratio, theme) {
  const [low, high] = [PAPER[theme], STRONGEST[theme]];
  const parts = low.map((value, i) => Math.round(value + (high[i] - value) * Math.min(ratio, 1)));
  return `rgb(${parts.join(", ")})`;
}

function openButton(onPress) {
  const button = element("button", "card-open", "Open");
  button.type = "button";
  button.tabIndex = -1;
  button.addEventListener("click", onPress);
  return button;
}

/** Put the card beside the point, on the side where there is room. */
function placeBox(box, host, px, py) {
  const { clientWidth: width, clientHeight: height } = host;
  const { offsetWidth: wide, offsetHeight: high } = box;
  const right = px + OFFSET + wide <= width - EDGE;
  const left = right ? px + OFFSET : Math.max(EDGE, px - OFFSET - wide);
  const top = Math.min(Math.max(EDGE, py - high / 3), Math.max(EDGE, height - high - EDGE));
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}

/**
 * What helps to read one map: names, the card, the legend, the neighbourhood of the latent in focus
 * and the export. The map calls it when something has changed; nothing here reaches Python.
 */

import { createCard } from "./card.js";
import { countEntries } from "./colours.js";
import { createExportMenu } from "./export_menu.js";
import { createLegend } from "./legend.js";
import { createNameSource } from "./name_source.js";
import {
  clusterAt, drawNames, holderOf, MOST, placeNames, selectedNames, setFamily, wantedNames, widthOf,
} from "./names.js";
import { drawEdges, edgeWords, hitNeighbour, placeNeighbours } from "./neighbourhood.js";
import { nearestSelected } from "./selection_mask.js";
import { jsonAt } from "./source.js";

/** Selected points that no name may hide, and the pixels around each. */
const FEW = 60;
const REACH = 5;
/** Pixels around the latent in focus, with its ring. */
const RING = 11;

export class Reading {
  /** @param {import("./latent_map.js").LatentMap} map */
  constructor(map) {
    this.map = map;
    this.colour = null;
    this.source = null;
    this.neighbourhood = null;
    this.placed = [];
    this.placedNeighbours = [];
    this.holder = null;
    setFamily(map.stage.host);
    const theme = () => map.data.theme;
    this.card = createCard(map.stage.card, {
      fetchCard: (latent) => jsonAt(`${map.data.base}/card/${latent}${this.levelQuery()}`),
      onOpen: (latent) => map.actions.open(latent),
      theme,
    });
    this.legend = createLegend(map.stage.legend, {
      onToggle: (code) => map.actions.narrow(code),
      theme,
    });
    this.exports = createExportMenu(map.stage.toolbar, map, this);
    map.stage.focus.addEventListener("click", () => map.actions.focusOn(null));
  }

  /** The level of the clusters as a query of an address; empty for the level shown first. */
  levelQuery() {
    const { level } = this.map.data;
    return level ? `?space=${level.space}&level=${level.level}` : "";
  }

  /** Take new data from Python, before the map draws them. */
  takeData() {
    const { data } = this.map;
    const address = `${data.base}/names/${data.map}${this.levelQuery()}`;
    if (this.address !== address) {
      this.address = address;
      this.source?.destroy();
      this.source = createNameSource({ url: address, load: jsonAt, onLoad: () => this.map.redraw() });
    }
    this.focusChanged();
  }

  /** The colours of the points have changed. */
  takeColour(colour) {
    this.colour = colour;
    this.legend.forget();
    this.maskChanged();
  }

  /** The selection has changed. */
  maskChanged() {
    if (!this.colour) return;
    /** Selected latents of each entry of the legend. */
    this.counts = countEntries(this.colour, this.map.selection.mask);
    this.legend.show(this.colour, this.counts, this.map.selection.mask !== null);
  }

  /** The pointer is on a point, or on none (-1); `stays` after a click or tap. */
  hover(point, stays = false) {
    const pixel = this.map.pixelOf(point);
    if (pixel) this.card.point(point, ...pixel, stays);
    else this.card.leave();
  }

  /** The view moves, so a card would not be beside its point. */
  moved() {
    this.card.hide();
  }

  /** Read what surrounds the latent in focus. */
  async focusChanged() {
    const { data, focus, stage } = this.map;
    stage.focus.hidden = focus === null;
    stage.focus.textContent = focus === null ? "" : `focus: latent ${focus} ×`;
    const key = focus === null ? "" : `${data.base}/neighbourhood/${data.map}/${focus}?measure=${data.measure}`;
    if (this.around === key) return;
    this.around = key;
    this.neighbourhood = null;
    this.placedNeighbours = [];
    if (!key) {
      this.card.hide();
      return;
    }
    try {
      const around = await jsonAt(key);
      if (this.around !== key) return;
      this.neighbourhood = around;
      this.map.redraw();
    } catch {
      // The latent page has the same neighbours; without them the map is still of use.
    }
  }

  /** The neighbour of the latent in focus whose point or name is at a pixel, or -1. */
  hitAt(px, py) {
    if (!this.neighbourhood) return -1;
    return hitNeighbour(this.neighbourhood, this.placedNeighbours, this.map.camera, px, py);
  }

  /** The cluster whose name is at a pixel and can be chosen; null for none. */
  clusterAt(px, py) {
    if (this.map.mode !== "move" || this.hitAt(px, py) >= 0) return null;
    return clusterAt(this.placed, px, py);
  }

  /** The names that are known for the view; null before they are here. */
  known() {
    return this.source?.inView(this.map.camera, this.map.moving) ?? null;
  }

  /** The names for the view and the selection, best first. */
  wanted({ clusters, tiles }) {
    return this.beside(wantedNames(clusters, tiles, this.map.camera.viewport), clusters.names);
  }

  /**
   * Those of some names that belong to the selection.
   * @param {import("./names.js").Name[]} names
   * @param {import("./names.js").Name[]} clusters Of all levels.
   */
  beside(names, clusters) {
    const { mask } = this.map.selection;
    if (!mask || !this.colour?.ids.length) return names;
    return selectedNames(names, clusters, this._counts(), mask, this._holder(clusters));
  }

  /** Selected latents of the clusters that colour the points. */
  _counts() {
    return new Map(this.colour.ids.map((id, i) => [id, this.counts[i]]));
  }

  /** The cluster that holds the whole selection; sought once per selection, not for every frame. */
  _holder(clusters) {
    if (!this.map.selection.mask || !this.colour?.ids.length) return null;
    const { counts, holder } = this;
    const { selected } = this.map.renderer;
    if (holder?.counts !== counts || holder.clusters !== clusters || holder.selected !== selected) {
      const name = holderOf(clusters, this._counts(), selected);
      this.holder = { counts, clusters, selected, name };
    }
    return this.holder.name;
  }

  /** The name of the cluster that holds the whole selection, at a selected point in view. */
  holding({ clusters }) {
    const { map } = this;
    const name = this._holder(clusters.names);
    if (!name) return [];
    const [x0, x1, y0, y1] = map.camera.viewport;
    const edges = [map.stepsOf([x0, y0]), map.stepsOf([x1, y1])];
    const point = nearestSelected(map.selection.mask, map.x, map.y, map.stepsOf([name.x, name.y]), ...edges);
    if (point < 0) return [];
    const [x, y] = map.placeOf(point);
    return [{ ...name, x, y, own: true }];
  }

  /** Lines, below rings and shapes. */
  drawBelow(context) {
    if (!this.neighbourhood) return;
    drawEdges(context, this.neighbourhood, this.map.camera, this.map.data.theme);
  }

  /** The boxes [left, right, top, bottom] of what lies over the map, where no name goes. */
  covered() {
    const { stage } = this.map;
    return [stage.toolbar, stage.legend, stage.edges, stage.name, stage.focus].map((part) => [
      part.offsetLeft,
      part.offsetLeft + part.offsetWidth,
      part.offsetTop,
      part.offsetTop + part.offsetHeight,
    ]);
  }

  /** The boxes of the selected points if they are few: no name hides one of them. */
  fewSelected() {
    const { mask } = this.map.selection;
    if (!mask || this.map.renderer.selected > FEW) return [];
    const boxes = [];
    for (let point = mask.indexOf(1); point >= 0; point = mask.indexOf(1, point + 1)) {
      boxes.push(...this._boxAround(point, REACH));
    }
    return boxes;
  }

  /** The box of a point, if it is on the map. */
  _boxAround(point, reach) {
    const pixel = this.map.pixelOf(point);
    return pixel ? [[pixel[0] - reach, pixel[0] + reach, pixel[1] - reach, pixel[1] + reach]] : [];
  }

  /** The names that come first: of the cluster of the selection, and of a few selected latents. */
  chosen(known) {
    const { mask } = this.map.selection;
    if (!mask) return [];
    const latents = (this.map.data.selectedNames ?? []).filter(({ id }) => mask[id] === 1);
    return [...(known ? this.holding(known) : []), ...latents.map((name) => ({ ...name, own: true }))];
  }

  /** Names, above everything else. */
  drawAbove(context) {
    const { camera, data } = this.map;
    const size = { width: camera.width, height: camera.height };
    this.map.stage.edges.textContent = this.neighbourhood ? edgeWords(this.neighbourhood) : "";
    const few = this.fewSelected();
    const blocked = [...this.covered(), ...few];
    if (this.neighbourhood) {
      blocked.push(...this._boxAround(this.neighbourhood.latent, RING));
      this.placedNeighbours = placeNeighbours(context, this.neighbourhood, camera, size, blocked);
      blocked.push(...this.placedNeighbours.map(({ box }) => box));
    }
    const known = this.known();
    const isNeighbour = ({ kind, id }) => kind === "latent" && this.placedNeighbours.some((other) => other.id === id);
    const chosen = this.chosen(known).filter((name) => !isNeighbour(name));
    const named = new Set(chosen.filter(({ kind }) => kind === "latent").map(({ id }) => id));
    const others = (known ? this.wanted(known) : []).filter(({ kind, id }) => kind === "cluster" || !named.has(id));
    const wanted = [...chosen, ...others];
    const most = MOST - this.placedNeighbours.length;
    this.placed = placeNames(wanted, camera, size, (name) => widthOf(context, name), { blocked, most, beside: few.length > 0 });
    const neutral = this.colour?.name !== "cluster";
    const faded = Boolean(this.map.selection.mask) && neutral;
    drawNames(context, this.placed, data.theme, { neutral, faded });
    drawNames(context, this.placedNeighbours, data.theme, { neutral: true });
  }

  destroy() {
    this.source?.destroy();
    this.card.destroy();
    this.legend.destroy();
    this.exports.destroy();
  }
}

// The picture in a cell: the explorer's canvas, with the answer's table below it.

import { h, icon, show } from "/static/dom.js";
import { Canvas } from "/static/graph/canvas.js";
import { png, save, svgOf } from "/static/graph/export.js";
import { Picture } from "/static/graph/picture.js";
import { foldWord, stateOf, wordOf } from "/static/kinds.js";
import * as format from "/static/format.js";

export async function open(place, { ids, table, ask }) {
  const picture = await Picture.of(ids, { expand: (asked) => ask("expand", asked), among: (some) => ask("among", some) });
  const cell = new Cell(place, picture, table);
  await cell.canvas.draw(picture, { fit: true });
  cell.fill();
  cell.select(picture.focus);
  return () => cell.close();
}

class Cell {
  constructor(place, picture, table) {
    this.picture = picture;
    this.place = place;
    this.host = h("div", {
      class: "canvas",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "graph",
      "aria-label": "Lineage graph. Arrow keys go from node to node, Enter opens what is beyond. The table below has the answer.",
      data: { lmSuppressShortcuts: "true" },
      onkeydown: (event) => this.key(event),
    });
    this.words = h("p", { class: "words", "aria-live": "polite" });
    const tool = (name, label, act) => h("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, icon(name));
    const tools = h(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "The picture" },
      tool("plus", "Larger", () => this.canvas.zoom(1.25)),
      tool("minus", "Smaller", () => this.canvas.zoom(0.8)),
      tool("fit", "Show all of it", () => this.canvas.fit()),
      tool("save", "Save as SVG", () => save(new Blob([svgOf(this.canvas)], { type: "image/svg+xml" }), "lineage.svg")),
      tool("page", "Save as PNG", async () => save(await png(this.canvas), "lineage.png")),
    );
    place.className = "provgraph";
    show(place, h("div", { class: "stage" }, this.host, tools), this.words, rows(table));
    this.follow();
    this.canvas = new Canvas(this.host, { select: (id) => this.select(id), open: (id) => this.openBoth(id), expand: (id, toward) => this.change(id, () => this.picture.expand(id, toward)), more: (id) => this.more(id) }, { wheel: false });
    this.watcher = new MutationObserver(() => {
      this.follow();
      this.canvas.recolour();
    });
    this.watcher.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  }

  close() {
    this.watcher.disconnect();
    this.canvas.close();
  }

  // As high as the picture is, within reason.
  fill() {
    const { cy } = this.canvas;
    this.host.parentElement.style.height = `${Math.min(440, Math.max(170, Math.ceil(cy.elements().boundingBox().h) + 120))}px`;
    this.canvas.fit(0.8);
  }

  // As the notebook is, light or dark; where it does not say, as the system is.
  follow() {
    const { jpThemeLight: light } = document.body.dataset;
    if (light) this.place.dataset.theme = light === "true" ? "light" : "dark";
  }

  select(id) {
    if (!id) return;
    this.selected = id;
    this.canvas.select(id);
    const card = this.picture.nodes.get(id);
    const fold = this.picture.folds.get(id);
    if (card) show(this.words, h("b", {}, card.name || card.title), ` ${[wordOf(card), stateOf(card), format.size(card.size), format.duration(card.duration), card.at && format.moment(card.at)].filter(Boolean).join(" · ")}`);
    else if (fold) show(this.words, `${foldWord(fold)} folded. Enter shows more.`);
  }

  async openBoth(id) {
    const card = this.picture.nodes.get(id);
    if (card.causes) await this.change(id, () => this.picture.expand(id, "origin"));
    if (card.effects) await this.change(id, () => this.picture.expand(id, "effect"));
  }

  more(id) {
    return this.change(this.picture.folds.get(id).of, () => this.picture.more(id));
  }

  async change(anchor, act) {
    try {
      await act();
      await this.canvas.draw(this.picture, { anchor });
      this.canvas.select(this.selected);
    } catch (failed) {
      show(this.words, h("span", { class: "wrong" }, failed.message, failed.hint ? ` ${failed.hint}` : ""));
    }
  }

  key(event) {
    const id = this.selected;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) {
      const next = this.canvas.beyondKey(id, event.key);
      if (next) {
        this.select(next);
        this.canvas.reveal(next);
      }
    } else if (event.key === "Enter") {
      if (this.picture.folds.has(id)) this.more(id);
      else this.openBoth(id);
    } else if (event.key === "f") this.canvas.fit();
    else return;
    event.preventDefault();
  }
}

function rows({ columns, rows: list, count }) {
  const more = count > list.length ? `, the first ${list.length} of them shown` : "";
  return h(
    "details",
    {},
    h("summary", {}, `${format.count(count, "row")}${more}`),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The answer" }, h("table", {}, h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, list.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))))),
  );
}

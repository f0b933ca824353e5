// The picture on the screen: Cytoscape draws what `Picture` has, where the worker places it.

import cytoscape from "/static/vendor/cytoscape/cytoscape.esm.min.mjs";
import * as format from "../format.js";
import { FAMILIES, familyOf, foldWord, iconOf, isFromOutside, relationOf, stateOf, wordOf } from "../kinds.js";
import { colours, onTheme } from "../theme.js";
import { fits, forget, tag, TAG } from "./art.js";
import { place } from "./layout.js";

export const CARD = { width: 196, height: 50 };
const HANDLE = { width: 34, height: 20 };
const NEAR = 40;
const INDENT = { step: 22, model: 18 };
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Canvas {
  // `on` has: select(id), open(id), expand(id, toward), more(fold).
  // Without `wheel` the page keeps it, and only the buttons zoom.
  constructor(host, on, { wheel = true } = {}) {
    this.host = host;
    this.on = on;
    this.bends = {};
    this.places = new Map();
    this.cy = cytoscape({
      container: host,
      style: this.style(),
      autoungrabify: true,
      boxSelectionEnabled: false,
      userZoomingEnabled: wheel,
      selectionType: "single",
      minZoom: 0.08,
      maxZoom: 2.2,
      pixelRatio: Math.min(window.devicePixelRatio || 1, 2),
      textureOnViewport: false,
      hideEdgesOnViewport: false,
      layout: { name: "preset" },
    });
    this.listen();
    this.stop = onTheme(() => this.recolour());
    this.watcher = new ResizeObserver(() => this.cy.resize());
    this.watcher.observe(host);
  }

  close() {
    this.stop();
    this.watcher.disconnect();
    this.cy.destroy();
  }

  recolour() {
    forget();
    this.cy.style(this.style());
    this.dress();
  }

  listen() {
    const { cy, on } = this;
    cy.on("tap", "node", ({ target }) => {
      const kind = target.data("kind");
      if (kind === "card") on.select(target.id());
      else if (kind === "fold") on.more(target.id());
      else if (kind === "handle") on.expand(target.data("of"), target.data("toward"));
    });
    cy.on("dbltap", "node[kind = 'card']", ({ target }) => on.open(target.id()));
    cy.on("mouseover", "node", ({ target }) => {
      this.host.style.cursor = "pointer";
      if (target.data("kind") === "card") this.near(target);
      this.host.title = target.data("title") ?? "";
    });
    cy.on("mouseout", "node", () => {
      this.host.style.cursor = "";
      this.host.title = "";
      cy.edges(".near").removeClass("near");
    });
    cy.on("mouseover", "edge", ({ target }) => target.addClass("near"));
    cy.on("mouseout", "edge", ({ target }) => target.removeClass("near"));
  }

  // The edges of a card that is pointed at, with their words; of too many, none: words would lie on words.
  near(node) {
    const edges = node.connectedEdges();
    if (edges.length <= NEAR) edges.addClass("near");
  }

  // Draw the picture. `anchor` stays where it is on the screen.
  async draw(picture, { anchor = null, fit = false, tidy = false } = {}) {
    const drawing = picture.drawing();
    const nodes = [
      ...drawing.nodes.map((card) => ({ id: card.id })),
      ...drawing.folds.map(({ id }) => ({ id })),
    ].map(({ id }) => ({ id, ...CARD, y: tidy ? undefined : this.places.get(id)?.y }));
    const edges = drawing.edges.map(({ id, source, target }) => ({ id, source, target }));
    this.turn = (this.turn ?? 0) + 1;
    const { turn } = this;
    const found = await place(nodes, edges);
    this.layoutMilliseconds = found.milliseconds;
    if (turn !== this.turn) return; // something newer is being placed
    const held = anchor && this.places.get(anchor);
    const [dx, dy] = held && found.places[anchor] ? [held.x - found.places[anchor].x, held.y - found.places[anchor].y] : [0, 0];
    const before = this.places;
    this.places = new Map(Object.entries(found.places).map(([id, at]) => [id, { x: at.x + dx, y: at.y + dy }]));
    const fresh = [...this.places.keys()].filter((id) => !before.has(id));
    this.bends = Object.fromEntries(Object.entries(found.bends).map(([id, points]) => [id, points.map((p) => ({ x: p.x + dx, y: p.y + dy }))]));
    this.picture = picture;
    this.update(drawing, before, anchor);
    if (fit) this.fit(0.8);
    else this.show(fresh, anchor);
    performance.mark("drawn");
    this.host.dataset.drawn = String(turn);
  }

  update(drawing, before, anchor) {
    const { cy } = this;
    const wanted = new Map();
    for (const card of drawing.nodes) wanted.set(card.id, { kind: "card", card });
    for (const { id, fold } of drawing.folds) wanted.set(id, { kind: "fold", fold });
    const handles = new Map();
    for (const card of drawing.nodes) {
      for (const toward of ["origin", "effect"]) {
        const count = this.picture.beyond(card, toward);
        if (count) handles.set(`handle ${toward} ${card.id}`, { of: card.id, toward, count });
      }
    }
    const edges = new Map(drawing.edges.map((edge) => [edge.id, edge]));
    const moving = [];
    cy.batch(() => {
      cy.edges().filter((edge) => !edges.has(edge.id())).remove();
      cy.nodes().filter((node) => !wanted.has(node.id()) && !handles.has(node.id())).remove();
      for (const [id, data] of wanted) {
        const at = this.places.get(id);
        const there = cy.getElementById(id);
        if (there.nonempty()) {
          there.data(data);
          moving.push([there, at]);
        } else {
          const from = (anchor && before.get(anchor)) || at;
          const made = cy.add({ group: "nodes", pannable: true, data: { id, ...data }, position: { x: (from.x + at.x * 3) / 4, y: (from.y + at.y * 3) / 4 } });
          moving.push([made, at]);
        }
      }
      for (const [id, handle] of handles) {
        const at = this.beside(handle);
        const there = cy.getElementById(id);
        if (there.nonempty()) {
          there.data("count", handle.count);
          moving.push([there, at]);
        } else {
          cy.add({ group: "nodes", pannable: true, data: { id, kind: "handle", ...handle }, position: at });
        }
      }
      for (const [id, edge] of edges) {
        const data = { id, source: edge.source, target: edge.target, link: edge.link, word: edge.link ? relationOf(edge.link) : "" };
        const there = cy.getElementById(id);
        if (there.empty()) cy.add({ group: "edges", data });
      }
    });
    this.dress();
    this.move(moving);
  }

  beside({ of, toward }) {
    const at = this.places.get(of);
    const aside = CARD.width / 2 + HANDLE.width / 2 + 7;
    return { x: at.x + (toward === "origin" ? -aside : aside), y: at.y };
  }

  move(moving) {
    const { cy } = this;
    cy.stop(true, true);
    const far = moving.filter(([node, at]) => Math.hypot(node.position("x") - at.x, node.position("y") - at.y) > 0.5);
    const bend = () => cy.batch(() => cy.edges().forEach((edge) => this.curve(edge)));
    if (still.matches || far.length > 250 || !far.length) {
      cy.batch(() => far.forEach(([node, at]) => node.position(at)));
      bend();
      return;
    }
    cy.edges().data("curve", null);
    bend();
    for (const [node, at] of far) node.animate({ position: at }, { duration: 180, easing: "ease-out" });
  }

  // The curve of an edge through its bends, as the line between its ends counts it.
  curve(edge) {
    const from = this.places.get(edge.data("source"));
    const to = this.places.get(edge.data("target"));
    const inner = (this.bends[edge.id()] ?? []).slice(1, -1);
    const begin = { x: from.x + CARD.width / 2, y: from.y };
    const end = { x: to.x - CARD.width / 2, y: to.y };
    const reversed = end.x < begin.x;
    const stops = [begin, ...(reversed ? [] : inner), end];
    const points = [];
    for (let i = 0; i + 1 < stops.length; i += 1) {
      const middle = (stops[i].x + stops[i + 1].x) / 2;
      points.push({ x: middle, y: stops[i].y }, { x: middle, y: stops[i + 1].y });
    }
    const [vx, vy] = [end.x - begin.x, end.y - begin.y];
    const length = Math.hypot(vx, vy) || 1;
    const flat = !reversed && points.every((p) => Math.abs((p.x - begin.x) * vy - (p.y - begin.y) * vx) / length < 0.5);
    edge.data(
      "curve",
      flat || reversed
        ? null
        : {
            weights: points.map((p) => ((p.x - begin.x) * vx + (p.y - begin.y) * vy) / (length * length)),
            distances: points.map((p) => -((p.x - begin.x) * vy - (p.y - begin.y) * vx) / length),
          },
    );
    edge.toggleClass("curved", !flat && !reversed);
    edge.toggleClass("back", reversed);
  }

  // Classes and words: what depends on the picture or the theme, not on places.
  dress() {
    const { cy, picture } = this;
    if (!picture) return;
    const colour = colours(this.host);
    const path = picture.pinnedPaths();
    cy.batch(() => {
      cy.nodes("[kind = 'card']").forEach((node) => {
        const card = node.data("card");
        const family = familyOf(card);
        const state = stateOf(card);
        const about = state || (card.label === "Version" ? format.size(card.size) : format.duration(card.duration));
        const indent = INDENT[family] ?? 12;
        const room = CARD.width - indent - 12;
        node.data({
          family,
          indent,
          name: format.shortened(card.title, (text) => fits(text, room)),
          tag: tag(iconOf(card), about ? `${wordOf(card)} · ${about}` : wordOf(card), colour(`kind-${family}`), colour(state ? "warn" : "quiet")),
          title: card.stale ? `${card.name} is stale: ${card.stale.join("; ")}` : card.command && card.label !== "Version" ? card.command : card.name,
        });
        node.toggleClass("outside", isFromOutside(card));
        node.toggleClass("gone", ["deleted", "erased", "superseded"].includes(card.state));
        node.toggleClass("stale", Boolean(card.stale));
        node.toggleClass("failed", Boolean(card.exit || card.signal || card.flagged));
        node.toggleClass("focus", card.id === picture.focus);
        node.toggleClass("pinned", picture.pinned.has(card.id));
        node.toggleClass("dim", path.size > 0 && !path.has(card.id));
      });
      cy.nodes("[kind = 'fold']").forEach((node) => {
        const fold = node.data("fold");
        node.data({
          name: `${foldWord(fold)}`,
          title: `${foldWord(fold)}${fold.place ? ` in ${fold.place}` : ""}: show ${Math.min(20, fold.count)} more`,
          about: fold.place ? format.shortened(fold.place, (text) => fits(text, CARD.width - 30)) : "not told apart",
        });
        node.toggleClass("dim", path.size > 0);
      });
      cy.nodes("[kind = 'handle']").forEach((node) => {
        const count = node.data("count");
        const number = count > 999 ? "999+" : `+${count}`;
        node.data({ name: number, title: `${count.toLocaleString("en")} ${node.data("toward") === "origin" ? "causes" : "effects"} not shown: open them` });
        node.toggleClass("dim", path.size > 0 && !path.has(node.data("of")));
      });
      cy.edges().forEach((edge) => {
        const on = path.has(edge.data("source")) && path.has(edge.data("target"));
        edge.toggleClass("onpath", path.size > 0 && on);
        edge.toggleClass("dim", path.size > 0 && !on);
      });
    });
  }

  select(id) {
    this.cy.nodes(":selected").unselect();
    this.cy.getElementById(id).select();
  }

  // Show all of the picture, but no smaller than `least`: rather less of it than none of its words.
  fit(least = 0.1) {
    const { cy } = this;
    cy.resize();
    const room = Math.min(cy.width(), cy.height()) < 500 ? 24 : 64;
    cy.fit(cy.elements(), room);
    if (cy.zoom() > 1) {
      cy.zoom(1);
      cy.center(cy.elements());
    }
    if (cy.zoom() < least && this.picture?.focus) {
      cy.zoom(least);
      cy.center(cy.getElementById(this.picture.focus));
    }
  }

  // Move as little as brings what is new into sight, and the anchor never out of it.
  show(fresh, anchor) {
    const at = this.places.get(anchor);
    if (!fresh.length || !at) return;
    const { cy } = this;
    const [zoom, pan] = [cy.zoom(), cy.pan()];
    const places = fresh.map((id) => this.places.get(id));
    const by = { x: 0, y: 0 };
    for (const [axis, size, half] of [["x", cy.width(), CARD.width / 2 + HANDLE.width + 24], ["y", cy.height(), CARD.height / 2 + 24]]) {
      const seen = places.map((place) => place[axis] * zoom + pan[axis]);
      const edge = half * zoom;
      const [low, high] = [Math.min(...seen) - edge, Math.max(...seen) + edge];
      if (high - low > size) continue; // more than the window holds: it stays put
      if (low < 0) by[axis] = -low;
      else if (high > size) by[axis] = size - high;
      const here = at[axis] * zoom + pan[axis];
      by[axis] = Math.max(edge - here, Math.min(size - edge - here, by[axis]));
      if (here < edge || here > size - edge) by[axis] = 0; // it was out of sight already
    }
    if (!by.x && !by.y) return;
    if (still.matches) cy.panBy(by);
    else cy.animate({ panBy: by, duration: 180, easing: "ease-out" });
  }

  zoom(factor) {
    const { cy } = this;
    cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  }

  // Move so that a node is in sight.
  reveal(id) {
    const { cy } = this;
    const node = cy.getElementById(id);
    if (node.empty()) return;
    const at = this.places.get(id) ?? node.position();
    const zoom = cy.zoom();
    const pan = cy.pan();
    const [x, y] = [at.x * zoom + pan.x, at.y * zoom + pan.y];
    const [dx, dy] = [(CARD.width / 2 + 40) * zoom, (CARD.height / 2 + 20) * zoom];
    const inside = (low, value, high) => (value < low ? low - value : value > high ? high - value : 0);
    const by = { x: inside(dx, x, Math.max(dx, cy.width() - dx)), y: inside(dy, y, Math.max(dy, cy.height() - dy)) };
    if (by.x || by.y) cy.panBy(by);
  }

  // The nearest card in a direction, for the arrow keys.
  beyondKey(id, key) {
    const here = this.places.get(id);
    if (!here) return null;
    let best = null;
    let least = Infinity;
    for (const node of this.cy.nodes("[kind = 'card'], [kind = 'fold']")) {
      const at = this.places.get(node.id());
      if (node.id() === id || !at) continue;
      const [dx, dy] = [at.x - here.x, at.y - here.y];
      const along = { ArrowLeft: -dx, ArrowRight: dx, ArrowUp: -dy, ArrowDown: dy }[key];
      const across = key === "ArrowLeft" || key === "ArrowRight" ? Math.abs(dy) : Math.abs(dx) * 3;
      if (along <= 4) continue;
      const far = along + across * 1.5;
      if (far < least) [least, best] = [far, node.id()];
    }
    return best;
  }

  style() {
    const colour = colours(this.host);
    const families = Object.entries(FAMILIES).map(([family, { shape }]) => ({
      selector: `node[family = "${family}"]`,
      style: {
        shape: { pill: "round-rectangle", hexagon: "polygon" }[shape] ?? shape,
        "shape-polygon-points": [-0.93, -1, 0.93, -1, 1, 0, 0.93, 1, -0.93, 1, -1, 0],
        "corner-radius": shape === "pill" ? 25 : shape === "cut-rectangle" ? 9 : 8,
        "border-color": colour(`edge-${family}`),
        "background-color": colour(`card-${family}`),
      },
    }));
    return [
      {
        selector: "node[kind = 'card']",
        style: {
          ...CARD,
          "border-width": 1.2,
          label: "data(name)",
          "font-family": "Inter, system-ui, sans-serif",
          "font-size": 12.5,
          "font-weight": 600,
          color: colour("ink"),
          "text-halign": "right",
          "text-valign": "center",
          "text-margin-x": (node) => -CARD.width + (node.data("indent") ?? 12),
          "text-margin-y": 9,
          "background-image": (node) => node.data("tag") ?? "none",
          "background-width": TAG.width,
          "background-height": TAG.height,
          "background-position-x": 0,
          "background-position-y": 0,
          "background-offset-x": (node) => node.data("indent") ?? 12,
          "background-offset-y": 7,
          "background-clip": "none",
          "overlay-opacity": 0,
          "transition-property": "opacity",
          "transition-duration": 120,
        },
      },
      ...families,
      { selector: "node.outside", style: { "border-style": "dashed" } },
      { selector: "node.gone", style: { "border-style": "dotted", color: colour("quiet") } },
      { selector: "node.stale", style: { "border-color": colour("warn"), "border-width": 1.8, "background-color": colour("warn-soft") } },
      { selector: "node.failed", style: { "border-color": colour("bad"), "border-width": 1.8 } },
      { selector: "node.focus", style: { "border-width": 2.4 } },
      { selector: "node.pinned", style: { "border-color": colour("accent"), "border-width": 2.4 } },
      { selector: "node:selected", style: { "outline-color": colour("accent"), "outline-width": 2, "outline-offset": 3, "outline-opacity": 1 } },
      {
        selector: "node[kind = 'fold']",
        style: {
          ...CARD,
          shape: "round-rectangle",
          "corner-radius": 8,
          "border-style": "double",
          "border-width": 4,
          "border-color": colour("line-strong"),
          "background-color": colour("raised"),
          label: (node) => `${node.data("name") ?? ""}\n${node.data("about") ?? ""}`,
          "text-wrap": "wrap",
          "line-height": 1.35,
          "font-family": "Inter, system-ui, sans-serif",
          "font-size": 12,
          "font-weight": 500,
          color: colour("ink"),
          "text-halign": "center",
          "text-valign": "center",
          "text-max-width": CARD.width - 20,
          "overlay-opacity": 0,
        },
      },
      {
        selector: "node[kind = 'handle']",
        style: {
          ...HANDLE,
          shape: "round-rectangle",
          "corner-radius": 10,
          "background-color": colour("raised"),
          "border-width": 1,
          "border-color": colour("line-strong"),
          label: "data(name)",
          "font-family": "Inter, system-ui, sans-serif",
          "font-size": 10.5,
          "font-weight": 600,
          color: colour("accent-ink"),
          "text-halign": "center",
          "text-valign": "center",
          "overlay-opacity": 0,
        },
      },
      { selector: ".dim", style: { opacity: 0.28 } },
      {
        selector: "edge",
        style: {
          width: 1.3,
          "line-color": colour("line-strong"),
          "target-arrow-color": colour("line-strong"),
          "target-arrow-shape": "triangle",
          "arrow-scale": 0.75,
          "curve-style": "straight",
          "source-endpoint": "50% 0%",
          "target-endpoint": "-50% 0%",
          "overlay-opacity": 0,
          "font-family": "Inter, system-ui, sans-serif",
          "font-size": 10.5,
          color: colour("quiet"),
          "text-background-color": colour("page"),
          "text-background-opacity": 0.9,
          "text-background-padding": 2,
        },
      },
      {
        selector: "edge.curved",
        style: {
          "curve-style": "unbundled-bezier",
          "edge-distances": "endpoints",
          "control-point-weights": (edge) => edge.data("curve")?.weights ?? [0.5],
          "control-point-distances": (edge) => edge.data("curve")?.distances ?? [0],
        },
      },
      { selector: "edge.back", style: { "curve-style": "unbundled-bezier", "control-point-weights": [0.5], "control-point-distances": [-90], "line-style": "dashed" } },
      { selector: "edge.near", style: { width: 2, "line-color": colour("accent"), "target-arrow-color": colour("accent"), label: "data(word)", "z-index": 10 } },
      { selector: "edge.onpath", style: { width: 2.4, "line-color": colour("accent"), "target-arrow-color": colour("accent") } },
    ];
  }
}

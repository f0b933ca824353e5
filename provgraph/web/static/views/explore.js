// Lineage and impact, step by step: the picture, the same as a list, and what is known of the node
// that is looked at.

import { get, node as nodePath } from "../api.js";
import { busy, h, icon, say, show } from "../dom.js";
import * as format from "../format.js";
import { Canvas } from "../graph/canvas.js";
import { png, save, svgOf } from "../graph/export.js";
import { begin } from "../graph/layout.js";
import { Picture } from "../graph/picture.js";
import { FAMILIES, familyOf, foldWord, iconOf, relationOf, stateOf, wordOf } from "../kinds.js";
import { badge, preview, reasonsOf, statusOf, UNSURE, values } from "../parts.js";

export async function open(main, { parts: [id], query }, current) {
  const started = performance.now();
  begin();
  const ids = query.get("ids");
  const picture = ids ? await Picture.of(ids.split(",")) : await Picture.around(id);
  if (!current()) return null;
  const view = new Explore(main, picture);
  view.address = id ? `#/graph/${encodeURIComponent(id)}` : `#/graph`;
  view.ids = ids;
  await view.restore(query);
  await document.fonts.ready;
  if (!current()) return () => view.close();
  await view.begin();
  performance.measure("first-picture", { start: started });
  return () => view.close();
}

class Explore {
  constructor(main, picture) {
    this.picture = picture;
    this.selected = picture.focus;
    this.form = "graph";
    this.past = [];
    const tool = (name, label, act) => h("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, icon(name));
    this.host = h("div", {
      class: "canvas",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "graph",
      "aria-label": "Lineage graph. Arrow keys go from node to node, Enter opens what is beyond, H hides, P pins a path. The list has the same.",
      onkeydown: (event) => this.key(event),
    });
    this.list = h("div", { class: "graph-list", hidden: true });
    this.side = h("aside", { class: "panel", "aria-label": "The node that is looked at" });
    this.hiddenNote = h("div", { class: "floating hidden-note", hidden: true });
    this.toggle = h(
      "div",
      { class: "seg", role: "group", "aria-label": "How the graph is shown" },
      ["graph", "list"].map((form) => h("button", { type: "button", "aria-pressed": String(form === "graph"), onclick: () => this.show(form), data: { form } }, icon(form), form === "graph" ? "Graph" : "List")),
    );
    this.judging = tool("clock", "Show what is stale", () => this.judge(!this.judges));
    this.judging.setAttribute("aria-pressed", "false");
    this.saving = h(
      "details",
      { class: "menu" },
      h("summary", { class: "tool", "aria-label": "Save the picture", title: "Save the picture" }, icon("save")),
      h("div", { class: "menu-items" }, [["SVG", () => this.saveSvg()], ["PNG", () => this.savePng()], ["JSON", () => this.saveJson()]].map(([name, act]) => h("button", { type: "button", onclick: () => { this.saving.open = false; act(); } }, name))),
    );
    this.tools = h(
      "div",
      { class: "floating tools", role: "toolbar", "aria-label": "The picture" },
      tool("undo", "Undo", () => this.undo()),
      tool("tidy", "Lay it out anew", () => this.draw({ tidy: true, fit: true })),
      tool("fit", "Show all of it", () => this.canvas.fit()),
      this.judging,
      tool("plus", "Larger", () => this.canvas.zoom(1.25)),
      tool("minus", "Smaller", () => this.canvas.zoom(0.8)),
      this.saving,
    );
    this.legend = h(
      "details",
      { class: "floating legend" },
      h("summary", {}, "Legend"),
      h("ul", {}, Object.entries(FAMILIES).filter(([name]) => name !== "context").map(([name, { icon: picture, word }]) => h("li", {}, h("span", { class: `swatch swatch-${name}` }), h("span", { class: `kind kind-${name}` }, icon(picture, 14)), word))),
      h("p", { class: "quiet" }, "Arrows follow the data: causes stand left, effects right. A dashed border: it came from outside. Dotted: it is no longer the current state. The clock marks what is stale: it would come out otherwise today."),
    );
    this.problem = h("div", { class: "floating problem-note", role: "alert", hidden: true });
    this.stage = h("div", { class: "stage" }, this.host, this.list, h("div", { class: "floating top" }, this.toggle), this.tools, this.legend, this.hiddenNote, this.problem);
    show(main, h("h1", { class: "unseen" }, "Lineage"), h("div", { class: "explore" }, this.stage, this.side));
    this.canvas = new Canvas(this.host, {
      select: (id) => this.select(id),
      open: (id) => this.openBoth(id),
      expand: (id, toward) => this.expand(id, toward),
      more: (id) => this.more(id),
    });
  }

  async restore(query) {
    const steps = (query.get("x") ?? "").split("~").filter(Boolean);
    try {
      await this.picture.replay(steps);
    } catch (failed) {
      this.tell(failed);
    }
    for (const id of (query.get("hide") ?? "").split(",").filter(Boolean)) this.picture.hide(id);
    for (const id of (query.get("pin") ?? "").split(",").filter(Boolean)) this.picture.pinned.add(id);
    if (query.get("stale")) await this.judge(true, { quiet: true });
    const at = query.get("at");
    if (at && this.picture.nodes.has(at)) this.selected = at;
  }

  async begin() {
    await this.draw({ fit: true });
    if (this.selected) this.select(this.selected, { quiet: true });
    if (matchMedia("(max-width: 560px)").matches) this.show("graph");
  }

  close() {
    this.canvas.close();
  }

  // Doing things.

  async expand(id, toward) {
    await this.change(id, () => this.picture.expand(id, toward), (fresh) => `${format.count(fresh.length, "node")} more`);
  }

  async more(id) {
    const { of } = this.picture.folds.get(id);
    await this.change(of, () => this.picture.more(id), (fresh) => `${format.count(fresh.length, "node")} more`);
  }

  async openBoth(id) {
    const card = this.picture.nodes.get(id);
    if (card.causes) await this.expand(id, "origin");
    if (card.effects) await this.expand(id, "effect");
  }

  async change(anchor, act, words) {
    const before = this.keep();
    const started = performance.now();
    this.tell(null);
    try {
      const fresh = (await act()) ?? [];
      if (this.judges) await this.picture.judge(true);
      this.past.push(before);
      await this.draw({ anchor });
      say(words(fresh));
    } catch (failed) {
      this.tell(failed);
    }
    performance.measure("step", { start: started });
  }

  // Colour what is stale, and what comes later, too; or no longer.
  async judge(wanted, { quiet = false } = {}) {
    this.judges = wanted;
    this.judging.setAttribute("aria-pressed", String(wanted));
    try {
      const found = await this.picture.judge(wanted);
      if (!quiet) say(wanted ? `${format.count(found, "version")} stale` : "not shown");
    } catch (failed) {
      this.judges = false;
      this.judging.setAttribute("aria-pressed", "false");
      this.tell(failed);
    }
    if (quiet) return;
    this.canvas.dress();
    if (this.form === "list") this.drawList();
    this.remember();
    this.select(this.selected, { quiet: true });
  }

  hide(id) {
    return this.change(this.picture.focus, async () => {
      this.picture.hide(id);
      if (!this.picture.shown().has(this.selected)) this.select(this.picture.focus, { quiet: true });
    }, () => "hidden");
  }

  pin(id) {
    return this.change(id, async () => this.picture.pin(id), () => (this.picture.pinned.has(id) ? "the path is pinned" : "the path is let go"));
  }

  unhide() {
    return this.change(this.picture.focus, async () => this.picture.unhide(), () => "all is shown");
  }

  keep() {
    const { nodes, links, folds, opened, hidden, pinned, steps } = this.picture;
    return { nodes: new Map(nodes), links: new Map(links), folds: new Map([...folds].map(([id, fold]) => [id, { ...fold }])), opened: new Set(opened), hidden: new Set(hidden), pinned: new Set(pinned), steps: [...steps] };
  }

  async undo() {
    const before = this.past.pop();
    if (!before) {
      say("nothing to undo");
      return;
    }
    Object.assign(this.picture, before);
    if (!this.picture.nodes.has(this.selected)) this.select(this.picture.focus, { quiet: true });
    await this.draw({ anchor: this.picture.focus });
    say("undone");
  }

  async draw(how) {
    const hidden = this.picture.hidden.size;
    this.hiddenNote.hidden = !hidden;
    if (hidden) show(this.hiddenNote, h("span", {}, `${format.count(hidden, "path")} hidden`), h("button", { type: "button", class: "small", onclick: () => this.unhide() }, "Show"));
    await this.canvas.draw(this.picture, how);
    this.canvas.select(this.selected);
    if (this.form === "list") this.drawList();
    this.remember();
    if (this.panelOf) this.actions();
  }

  remember() {
    const { steps, hidden, pinned, focus } = this.picture;
    const query = new URLSearchParams();
    if (this.ids) query.set("ids", this.ids);
    if (steps.length) query.set("x", steps.join("~"));
    if (hidden.size) query.set("hide", [...hidden].join(","));
    if (this.judges) query.set("stale", "1");
    if (pinned.size) query.set("pin", [...pinned].join(","));
    if (this.selected && this.selected !== focus) query.set("at", this.selected);
    const text = query.toString();
    history.replaceState(null, "", `${this.address}${text ? `?${text}` : ""}`);
  }

  tell(failed) {
    this.problem.hidden = !failed;
    if (failed) show(this.problem, icon("warn"), h("span", {}, failed.message, failed.hint ? ` ${failed.hint}` : ""), h("button", { type: "button", class: "plain", "aria-label": "Close", onclick: () => this.tell(null) }, icon("close", 14)));
  }

  // Looking at a node.

  select(id, { quiet = false } = {}) {
    if (!id) return;
    this.selected = id;
    this.canvas.select(id);
    this.panel(id);
    this.remember();
    for (const item of this.list.querySelectorAll("[data-id]")) item.classList.toggle("here", item.dataset.id === id);
    const card = this.picture.nodes.get(id);
    if (!quiet && card) say(`${wordOf(card)} ${card.title}. ${stateOf(card)}`);
  }

  key(event) {
    const id = this.marked ?? this.selected;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const next = this.canvas.beyondKey(id, event.key);
      if (!next) {
        if (event.shiftKey) return;
        say("nothing there");
        return;
      }
      this.mark(next);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (this.picture.folds.has(id)) this.more(id);
      else this.openBoth(id);
    } else if (event.key === "h" && this.picture.nodes.has(id)) this.hide(id);
    else if (event.key === "p" && this.picture.nodes.has(id)) this.pin(id);
    else if (event.key === "f") this.canvas.fit();
    else if (event.key === "u") this.undo();
    else if (event.key === "+" || event.key === "=") this.canvas.zoom(1.25);
    else if (event.key === "-") this.canvas.zoom(0.8);
  }

  mark(id) {
    this.marked = null;
    if (this.picture.folds.has(id)) {
      this.marked = id;
      this.canvas.select(id);
      say(`${foldWord(this.picture.folds.get(id))} folded. Enter shows more.`);
    } else this.select(id);
    this.canvas.reveal(id);
  }

  async panel(id) {
    this.panelOf = id;
    const card = this.picture.nodes.get(id);
    this.acts = h("div", { class: "acts" });
    const body = h("div", { class: "panel-body" }, busy());
    show(
      this.side,
      h("div", { class: "panel-head" }, h("div", { class: "row" }, badge(card), statusOf(card)), h("h2", {}, card.title), h("p", { class: "mono where" }, card.label === "Step" ? card.command : card.name === card.title ? "" : card.name), this.acts),
      body,
    );
    this.actions();
    try {
      const page = await get(nodePath(id));
      if (this.panelOf === id) show(body, this.facts(page));
    } catch (failed) {
      if (this.panelOf === id) show(body, h("p", { class: "wrong" }, failed.message), failed.hint && h("p", { class: "quiet" }, failed.hint));
    }
  }

  facts(page) {
    const { card } = page;
    return [
      card.label === "Version" && reasonsOf(this.picture.nodes.get(card.id)?.stale),
      this.picture.nodes.get(card.id)?.unsure && h("p", { class: "quiet small" }, `Whether it is stale is not known. ${UNSURE}`),
      page.gaps.length > 0 && h("div", { class: "notice warn small" }, icon("warn"), h("ul", {}, page.gaps.map((gap) => h("li", {}, gap)))),
      values(page.values.filter(({ name }) => !["command", "run", "blob", "program", "pid", "phase"].includes(name))),
      page.version_count > 1 &&
        h("p", {}, `Version ${page.number} of ${page.version_count}. `, page.number > 1 && h("a", { href: `#/diff/${encodeURIComponent(page.versions[page.versions.findIndex((one) => one.id === card.id) - 1]?.id ?? card.id)}/${encodeURIComponent(card.id)}` }, "Compare with the one before")),
      page.run && card.label !== "Run" && h("p", {}, h("span", { class: "quiet" }, "Run "), h("a", { href: `#/node/${encodeURIComponent(page.run.id)}` }, page.run.title), h("span", { class: "quiet" }, ` ${format.ago(page.run.at)}`)),
      page.environment && h("p", { class: "quiet" }, page.environment.name),
      card.label === "Version" && h("div", { class: "panel-preview" }, preview(card, { lines: 60 })),
    ];
  }

  actions() {
    const card = this.picture.nodes.get(this.panelOf);
    if (!card || !this.acts) return;
    const act = (name, label, does, given = {}) => h("button", { type: "button", class: "small", onclick: does, ...given }, icon(name, 14), label);
    const beyond = (toward) => this.picture.beyond(card, toward);
    const pinned = this.picture.pinned.has(card.id);
    show(
      this.acts,
      beyond("origin") > 0 && act("plus", format.count(beyond("origin"), "cause"), () => this.expand(card.id, "origin"), { data: { act: "origin" } }),
      beyond("effect") > 0 && act("plus", format.count(beyond("effect"), "effect"), () => this.expand(card.id, "effect"), { data: { act: "effect" } }),
      card.id !== this.picture.focus && act("pin", pinned ? "Let the path go" : "Pin the path", () => this.pin(card.id), { "aria-pressed": String(pinned), data: { act: "pin" } }),
      card.id !== this.picture.focus && act("hide", "Hide", () => this.hide(card.id), { data: { act: "hide" } }),
      h("a", { class: "button small", href: `#/node/${encodeURIComponent(card.id)}` }, icon("open", 14), "All about it"),
    );
  }

  // The list: the same nodes, in words.

  show(form) {
    this.form = form;
    for (const button of this.toggle.children) button.setAttribute("aria-pressed", String(button.dataset.form === form));
    const list = form === "list";
    this.host.hidden = list;
    this.list.hidden = !list;
    this.tools.hidden = this.legend.hidden = list;
    if (list) this.drawList();
    else this.canvas.cy.resize();
  }

  drawList() {
    const { nodes, edges, folds } = this.picture.drawing();
    const names = new Map(nodes.map((card) => [card.id, card]));
    const causes = new Map(nodes.map((card) => [card.id, []]));
    for (const edge of edges) if (edge.link && names.has(edge.source)) causes.get(edge.target)?.push([names.get(edge.source), relationOf(edge.link)]);
    const more = (card, toward) => {
      const count = this.picture.beyond(card, toward);
      return count > 0 && h("button", { type: "button", class: "small", onclick: () => this.expand(card.id, toward) }, format.count(count, toward === "origin" ? "cause" : "effect"));
    };
    const folded = (card) => folds.filter(({ fold }) => fold.of === card.id).map(({ id, fold }) => h("button", { type: "button", class: "small", onclick: () => this.more(id) }, `${foldWord(fold)}${fold.place ? ` in ${fold.place}` : ""}`));
    show(
      this.list,
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "The graph as a list" },
        h(
          "table",
          {},
          h("caption", {}, `${format.count(nodes.length, "node")}, causes first`),
          h("thead", {}, h("tr", {}, ["Name", "Kind", "Comes from", "Open"].map((name) => h("th", { scope: "col" }, name)))),
          h(
            "tbody",
            {},
            this.inOrder(nodes).map((card) =>
              h(
                "tr",
                { data: { id: card.id }, class: card.id === this.selected ? "here" : null },
                h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => this.select(card.id) }, card.title), h("span", { class: "quiet detail" }, card.name === card.title ? "" : card.name)),
                h("td", {}, h("span", { class: `kind kind-${familyOf(card)}` }, icon(iconOf(card), 14)), " ", wordOf(card), stateOf(card) && h("span", { class: "quiet" }, `, ${stateOf(card)}`)),
                h("td", {}, h("ul", {}, (causes.get(card.id) ?? []).map(([cause, word]) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => this.select(cause.id) }, cause.title), h("span", { class: "quiet" }, ` ${word} it`))))),
                h("td", { class: "acts" }, more(card, "origin"), more(card, "effect"), folded(card)),
              ),
            ),
          ),
        ),
      ),
    );
  }

  inOrder(nodes) {
    const places = this.canvas.places;
    return [...nodes].sort((a, b) => (places.get(a.id)?.x ?? 0) - (places.get(b.id)?.x ?? 0) || (places.get(a.id)?.y ?? 0) - (places.get(b.id)?.y ?? 0));
  }

  // Saving.

  name() {
    return (this.picture.nodes.get(this.picture.focus)?.title ?? "graph").replace(/[^\w.-]+/g, "-");
  }

  saveSvg() {
    save(new Blob([svgOf(this.canvas)], { type: "image/svg+xml" }), `${this.name()}.svg`);
  }

  async savePng() {
    save(await png(this.canvas), `${this.name()}.png`);
  }

  saveJson() {
    const { nodes, edges } = this.picture.drawing();
    const document = { nodes, edges: edges.filter((edge) => edge.link).map((edge) => edge.link) };
    save(new Blob([JSON.stringify(document, null, 1)], { type: "application/json" }), `${this.name()}.json`);
  }
}


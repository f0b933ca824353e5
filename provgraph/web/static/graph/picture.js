// What is drawn: a node, what was opened from it step by step, what was hidden and pinned.

import { get, node as nodePath, post } from "../api.js";

export const MOST = 1000;

export class Full extends Error {
  constructor() {
    super(`No more than ${MOST.toLocaleString("en")} nodes are drawn at once. Hide a path, or begin at another node.`);
  }
}

// Who answers for the graph: here the server, in a notebook its kernel.
const server = {
  focus: (id) => get(nodePath(id, "/focus")),
  expand: (asked) => post("/api/expand", asked),
  among: (ids) => post("/api/among", { ids }),
  stale: (ids) => post("/api/stale", { ids }),
};

const key = (link) => `${link.source} ${link.type} ${link.target}`;
export const foldId = (fold) => `${fold.of} ${fold.toward} ${fold.key}`;

export class Picture {
  constructor(ask = server) {
    this.ask = ask;
    this.nodes = new Map();
    this.links = new Map();
    this.folds = new Map();
    this.opened = new Set();
    this.hidden = new Set();
    this.pinned = new Set();
    this.judged = new Set(); // those of which it is known whether they are stale
    this.focus = null;
    this.steps = []; // what was done since the first picture, for the address
  }

  static async around(id, ask) {
    const picture = new Picture(ask);
    const found = await picture.ask.focus(id);
    picture.focus = found.focus;
    picture.add(found);
    picture.opened.add(`${found.focus} origin`).add(`${found.focus} effect`);
    return picture;
  }

  static async of(ids, ask) {
    const picture = new Picture(ask);
    const found = await picture.ask.among(ids.slice(0, MOST));
    picture.add(found);
    picture.focus = ids.find((id) => picture.nodes.has(id)) ?? null;
    picture.loose = true;
    return picture;
  }

  add(found) {
    const fresh = found.nodes.filter((card) => !this.nodes.has(card.id));
    if (this.nodes.size + fresh.length > MOST) throw new Full();
    for (const card of found.nodes) this.nodes.set(card.id, card);
    for (const link of found.links) this.links.set(key(link), link);
    for (const fold of found.folds) this.folds.set(foldId(fold), { ...fold, shown: 0 });
    return fresh.map((card) => card.id);
  }

  // One step on from a node; the ids that came.
  async expand(id, toward) {
    if (this.opened.has(`${id} ${toward}`)) return [];
    const drawn = [...this.nodes.keys()];
    const found = await this.ask.expand({ of: id, toward, drawn });
    const fresh = this.add(found);
    this.opened.add(`${id} ${toward}`);
    this.steps.push(`${toward === "origin" ? "o" : "e"}.${id}`);
    return fresh;
  }

  // The next of a fold.
  async more(id) {
    const fold = this.folds.get(id);
    const drawn = [...this.nodes.keys()];
    const found = await this.ask.expand({ of: fold.of, toward: fold.toward, fold: fold.key, offset: fold.shown, drawn });
    const fresh = this.add(found);
    fold.shown += found.nodes.length;
    if (!found.nodes.length || fold.shown >= fold.count) this.folds.delete(id);
    this.steps.push(`f.${fold.of}.${fold.toward === "origin" ? "o" : "e"}.${encodeURIComponent(fold.key)}`);
    return fresh;
  }

  // Mark what is stale of the versions that have not been asked about, or take the marks away.
  async judge(wanted) {
    const versions = [...this.nodes.values()].filter((card) => card.label === "Version");
    if (!wanted) {
      for (const card of versions) delete card.stale, delete card.unsure;
      this.judged.clear();
      return 0;
    }
    const fresh = versions.filter((card) => card.state !== "superseded" && !this.judged.has(card.id)).map((card) => card.id);
    if (fresh.length) {
      const found = await this.ask.stale(fresh);
      for (const id of fresh) this.judged.add(id);
      for (const { card, reasons } of found.versions) this.nodes.get(card.id).stale = reasons;
      for (const id of found.unsure) this.nodes.get(id).unsure = true;
    }
    return versions.filter((card) => card.stale).length;
  }

  // Do again what an address says was done.
  async replay(steps) {
    for (const step of steps) {
      const [kind, id, toward, ...rest] = step.split(".");
      if (kind === "f") {
        const name = `${id} ${toward === "o" ? "origin" : "effect"} ${decodeURIComponent(rest.join("."))}`;
        if (this.folds.has(name)) await this.more(name);
      } else if (this.nodes.has(id)) {
        await this.expand(id, kind === "o" ? "origin" : "effect");
      }
    }
  }

  // Whether there is something beyond a node that is not drawn, and how much.
  beyond(card, toward) {
    if (this.opened.has(`${card.id} ${toward}`)) return 0;
    const total = toward === "origin" ? card.causes : card.effects;
    let drawn = 0;
    for (const link of this.links.values()) {
      if ((toward === "origin" ? link.source : link.target) === card.id) drawn += 1;
    }
    return Math.max(0, total - drawn);
  }

  hide(id) {
    if (id === this.focus) return;
    this.hidden.add(id);
  }

  unhide() {
    this.hidden.clear();
  }

  pin(id) {
    if (!this.pinned.delete(id)) this.pinned.add(id);
  }

  neighbours() {
    const around = new Map([...this.nodes.keys()].map((id) => [id, []]));
    for (const link of this.links.values()) {
      if (!around.has(link.source) || !around.has(link.target)) continue;
      around.get(link.source).push(link.target);
      around.get(link.target).push(link.source);
    }
    return around;
  }

  // The nodes that are reached from the focus past what is hidden.
  shown() {
    if (this.loose) return new Set([...this.nodes.keys()].filter((id) => !this.hidden.has(id)));
    const around = this.neighbours();
    const seen = new Set([this.focus]);
    const queue = [this.focus];
    for (const id of queue) {
      for (const next of around.get(id) ?? []) {
        if (seen.has(next) || this.hidden.has(next)) continue;
        seen.add(next);
        queue.push(next);
      }
    }
    for (const id of this.pinned) if (this.nodes.has(id) && !this.hidden.has(id)) seen.add(id);
    return seen;
  }

  // The nodes on the shortest ways from the focus to what is pinned.
  pinnedPaths() {
    const paths = new Set();
    if (!this.pinned.size) return paths;
    const around = this.neighbours();
    const from = new Map([[this.focus, null]]);
    const queue = [this.focus];
    for (const id of queue) {
      for (const next of around.get(id) ?? []) {
        if (from.has(next) || this.hidden.has(next)) continue;
        from.set(next, id);
        queue.push(next);
      }
    }
    for (const id of this.pinned) {
      for (let at = id; at; at = from.get(at)) paths.add(at);
    }
    return paths;
  }

  // What to draw, in the direction of the data: edges lead from cause to effect.
  drawing() {
    const shown = this.shown();
    const nodes = [...this.nodes.values()].filter((card) => shown.has(card.id));
    const edges = [...this.links.values()]
      .filter((link) => shown.has(link.source) && shown.has(link.target))
      .map((link) => ({ id: key(link), source: link.target, target: link.source, link }));
    const folds = [...this.folds.entries()]
      .filter(([, fold]) => shown.has(fold.of))
      .map(([id, fold]) => ({ id, fold: { ...fold, count: fold.count - fold.shown } }));
    for (const { id, fold } of folds) {
      const [source, target] = fold.toward === "origin" ? [id, fold.of] : [fold.of, id];
      edges.push({ id: `edge ${id}`, source, target, link: null });
    }
    return { nodes, edges, folds };
  }
}

// Places cards in layers, causes left of effects. Off the main thread.
//
// What stood already keeps its order within a layer and, as far as there is room, its height; what is
// new comes where its neighbours are. d3-dag breaks cycles and lays long edges through the layers.

import * as dag from "/static/vendor/d3-dag/d3-dag.esm.min.mjs";

const ACROSS = 92; // between layers
const BETWEEN = 16; // between cards of a layer
const BENDS = 600; // where edges pass through layers

self.onmessage = ({ data }) => {
  const began = performance.now();
  self.postMessage({ number: data.number, ...placed(data), milliseconds: performance.now() - began });
};

function placed({ nodes, edges }) {
  if (!nodes.length) return { places: {}, bends: {} };
  const graph = dag.graph();
  const made = new Map(nodes.map((node, order) => [node.id, graph.node({ ...node, order })]));
  const { led, bends: count } = through(nodes, edges);
  for (const edge of led) {
    if (edge.source !== edge.target) graph.link(made.get(edge.source), made.get(edge.target), edge.id);
  }
  const grown = nodes.some((node) => node.y !== undefined);
  const order = grown ? inOldOrder : nodes.length + count > 300 ? quickOrder : bestOrder;
  const layout = dag
    .sugiyama()
    .layering(close)
    .decross(order)
    .coord(level)
    .nodeSize((node) => [node.data.height, node.data.width])
    .gap([BETWEEN, ACROSS]);
  layout(graph);
  const places = {};
  for (const [id, node] of made) places[id] = { x: node.y, y: node.x };
  const bends = {};
  for (const link of graph.links()) {
    bends[link.data] = link.points.map(([x, y]) => ({ x: y, y: x }));
  }
  return { places, bends };
}

// The edges that are led through the layers between their ends, the shortest first, as long as that
// takes no more than so many bends; a deep graph would have tens of thousands. The others go straight.
// An edge from one layer to the next takes none, and each card hangs on one of those.
function through(nodes, edges) {
  const after = new Map(nodes.map(({ id }) => [id, []]));
  const waits = new Map(nodes.map(({ id }) => [id, 0]));
  for (const { source, target } of edges) {
    if (source === target) continue;
    after.get(source).push(target);
    waits.set(target, waits.get(target) + 1);
  }
  const layer = new Map(nodes.map(({ id }) => [id, 0]));
  const ready = nodes.map(({ id }) => id).filter((id) => !waits.get(id));
  for (const id of ready) {
    for (const next of after.get(id)) {
      layer.set(next, Math.max(layer.get(next), layer.get(id) + 1));
      waits.set(next, waits.get(next) - 1);
      if (!waits.get(next)) ready.push(next);
    }
  }
  const inside = (edge) => Math.max(0, Math.abs(layer.get(edge.target) - layer.get(edge.source)) - 1);
  let bends = 0;
  const led = [...edges].sort((a, b) => inside(a) - inside(b)).filter((edge) => {
    if (bends + inside(edge) > BENDS) return false;
    bends += inside(edge);
    return true;
  });
  return { led, bends };
}

// Layers: as early as can be, then what has room goes to where it is used.

const early = dag.layeringLongestPath();

function close(graph, separation) {
  const height = early(graph, separation);
  const nodes = [...graph.nodes()].sort((a, b) => b.y - a.y);
  for (const node of nodes) {
    const around = [...node.parents(), ...node.children()];
    const before = around.filter((other) => other.y < node.y);
    const after = around.filter((other) => other.y > node.y);
    if (after.length && after.length > before.length) node.y = Math.min(...after.map((other) => other.y)) - 1;
  }
  const least = Math.min(...nodes.map((node) => node.y));
  for (const node of nodes) node.y -= least;
  return height - least;
}

// Order within layers.

const quickOrder = dag.decrossTwoLayer().order(dag.twolayerAgg()).passes(6);
const bestOrder = dag.decrossTwoLayer().passes(10);

function inOldOrder(layers) {
  const height = new Map();
  const all = layers.flat();
  for (const node of all) {
    const { data } = node;
    if (data.role === "node" && data.node.data.y !== undefined) height.set(node, data.node.data.y);
  }
  for (let pass = 0; pass < 8; pass += 1) {
    let missing = false;
    for (const node of all) {
      if (height.has(node)) continue;
      const known = [...node.parents(), ...node.children()].filter((other) => height.has(other)).map((other) => height.get(other));
      if (known.length) height.set(node, known.reduce((a, b) => a + b) / known.length);
      else missing = true;
    }
    if (!missing) break;
  }
  const place = (node) => [height.get(node) ?? 0, node.data.role === "node" ? node.data.node.data.order : -1];
  for (const layer of layers) {
    layer.sort((a, b) => {
      const [one, two] = [place(a), place(b)];
      return one[0] - two[0] || one[1] - two[1];
    });
  }
}

// Heights: each card at the mean of its neighbours, cards apart, what stood where it stood.

function level(layers, separation) {
  for (const layer of layers) {
    let at = 0;
    layer.forEach((node, i) => {
      at += separation(layer[i - 1], node);
      node.x = at;
    });
  }
  const old = (node) => (node.data.role === "node" ? node.data.node.data.y : undefined);
  const settle = (layer, near) => {
    const wants = layer.map((node) => {
      const kept = old(node);
      if (kept !== undefined) return { at: kept, weight: 40 };
      const others = near(node);
      const straight = node.data.role === "link" ? 3 : 1;
      if (!others.length) return { at: node.x, weight: 0.05 };
      return { at: others.reduce((sum, other) => sum + other.x, 0) / others.length, weight: straight };
    });
    spread(layer, wants, separation);
  };
  const parents = (node) => [...node.parents()];
  const children = (node) => [...node.children()];
  const both = (node) => [...node.parents(), ...node.children()];
  for (let pass = 0; pass < 4; pass += 1) {
    for (const layer of layers) settle(layer, parents);
    for (const layer of layers.slice().reverse()) settle(layer, children);
  }
  for (const layer of layers) settle(layer, both);
  let least = Infinity;
  let most = -Infinity;
  for (const layer of layers) {
    least = Math.min(least, layer[0].x - separation(undefined, layer[0]));
    const last = layer[layer.length - 1];
    most = Math.max(most, last.x + separation(last, undefined));
  }
  for (const layer of layers) for (const node of layer) node.x -= least;
  return most - least;
}

// The nearest heights to those wanted that keep the order and the distances (isotonic regression by
// pooling neighbours that would collide).
function spread(layer, wants, separation) {
  const blocks = [];
  let offset = 0;
  layer.forEach((node, i) => {
    if (i) offset += separation(layer[i - 1], node);
    let block = { sum: (wants[i].at - offset) * wants[i].weight, weight: wants[i].weight, nodes: [[node, offset]] };
    while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, nodes: before.nodes.concat(block.nodes) };
    }
    blocks.push(block);
  });
  for (const block of blocks) {
    for (const [node, at] of block.nodes) node.x = block.sum / block.weight + at;
  }
}

// The picture as a file: SVG with real text, or PNG.

import { svg } from "../dom.js";
import { familyOf, isFromOutside, wordOf } from "../kinds.js";
import { colours } from "../theme.js";
import { CARD } from "./canvas.js";

const ROUND = { step: 25, model: 25 };
const MARGIN = 30;

export function svgOf(canvas) {
  const colour = colours(canvas.host);
  const box = canvas.cy.elements().boundingBox();
  const [width, height] = [Math.ceil(box.w) + 2 * MARGIN, Math.ceil(box.h) + 2 * MARGIN];
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `${Math.floor(box.x1) - MARGIN} ${Math.floor(box.y1) - MARGIN} ${width} ${height}`, width, height, "font-family": "Inter, system-ui, sans-serif" });
  root.append(svg("rect", { x: Math.floor(box.x1) - MARGIN, y: Math.floor(box.y1) - MARGIN, width, height, fill: colour("page") }));
  root.append(svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0.5L8 4L0 7.5z", fill: colour("line-strong") }))));
  for (const edge of canvas.cy.edges()) root.append(svg("path", { d: pathOf(edge), fill: "none", stroke: colour("line-strong"), "stroke-width": 1.3, "marker-end": "url(#arrow)" }));
  for (const node of canvas.cy.nodes()) {
    const { x, y } = node.position();
    const kind = node.data("kind");
    if (kind === "handle") continue;
    const family = node.data("family") ?? "context";
    const card = node.data("card");
    const shape = { x: x - CARD.width / 2, y: y - CARD.height / 2, width: CARD.width, height: CARD.height, rx: ROUND[familyOf(card ?? {})] ?? 8, fill: colour(card ? `card-${family}` : "raised"), stroke: colour(card ? `edge-${family}` : "line-strong"), "stroke-width": 1.2 };
    if ((card && isFromOutside(card)) || !card) shape["stroke-dasharray"] = "4 3";
    root.append(svg("g", {}, svg("title", {}, node.data("title") ?? ""), svg("rect", shape), ...words(node, card, family, x, y, colour)));
  }
  return new XMLSerializer().serializeToString(root);
}

function words(node, card, family, x, y, colour) {
  const left = x - CARD.width / 2 + (node.data("indent") ?? 12);
  if (!card) return [svg("text", { x, y: y - 4, "text-anchor": "middle", "font-size": 12, fill: colour("ink") }, node.data("name") ?? ""), svg("text", { x, y: y + 12, "text-anchor": "middle", "font-size": 11, fill: colour("quiet") }, node.data("about") ?? "")];
  return [svg("text", { x: left, y: y - 6, "font-size": 10.5, fill: colour(`kind-${family}`) }, wordOf(card)), svg("text", { x: left, y: y + 13, "font-size": 12.5, "font-weight": 600, fill: colour("ink") }, node.data("name") ?? "")];
}

// Quadratic pieces through the middles between control points, as Cytoscape draws them.
function pathOf(edge) {
  const { x: x1, y: y1 } = edge.sourceEndpoint();
  const { x: x2, y: y2 } = edge.targetEndpoint();
  const controls = edge.controlPoints() ?? [];
  const at = (p) => `${p.x.toFixed(1)} ${p.y.toFixed(1)}`;
  if (!controls.length) return `M${at({ x: x1, y: y1 })}L${at({ x: x2, y: y2 })}`;
  const pieces = controls.map((control, i) => {
    const next = controls[i + 1];
    const end = next ? { x: (control.x + next.x) / 2, y: (control.y + next.y) / 2 } : { x: x2, y: y2 };
    return `Q${at(control)} ${at(end)}`;
  });
  return `M${at({ x: x1, y: y1 })}${pieces.join("")}`;
}

export function png(canvas) {
  const colour = colours(canvas.host);
  return canvas.cy.png({ full: true, scale: 2, maxWidth: 8000, maxHeight: 8000, bg: colour("page"), output: "blob-promise" });
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

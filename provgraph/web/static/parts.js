// Pieces that several views show: a node in a line, its badge, its values, its content.

import { get, node } from "./api.js";
import { busy, h, icon, show } from "./dom.js";
import * as format from "./format.js";
import { familyOf, iconOf, stateOf, wordOf } from "./kinds.js";
import { hrefOf } from "./search.js";

export function badge(card) {
  return h("span", { class: `badge kind-${familyOf(card)}` }, icon(iconOf(card), 14), wordOf(card));
}

export function statusOf(card) {
  const state = stateOf(card);
  if (state) return h("span", { class: `state ${card.exit || card.signal || card.flagged ? "bad" : "warn"}` }, state);
  if (card.label === "Run" && card.verdict && card.verdict !== "complete") return h("span", { class: "state warn" }, card.verdict);
  return null;
}

// Why a version is stale; nothing where it is not.
export function reasonsOf(reasons) {
  return reasons && h("div", { class: "notice warn small stale" }, icon("clock"), h("div", {}, h("p", {}, "It would come out otherwise today:"), h("ul", {}, reasons.map((reason) => h("li", {}, reason)))));
}

export const UNSURE = "Nothing speaks against what was looked at; farther back was not, in the time that a page waits. On the command line, `stale` looks at all of it.";

// A node as a link in a list. `page` leads to its page instead of its picture.
export function line(card, { page = false, detail } = {}) {
  const href = page ? `#/node/${encodeURIComponent(card.id)}` : hrefOf(card);
  const about = detail ?? (card.label === "Version" ? [card.name !== card.title && card.name, format.size(card.size)].filter(Boolean).join(" · ") : card.label === "Step" ? card.command : "");
  return h(
    "a",
    { class: "line", href },
    h("span", { class: `kind kind-${familyOf(card)}` }, icon(iconOf(card))),
    h("span", { class: "hit" }, h("span", { class: "title" }, card.title), about && h("span", { class: "quiet detail" }, about)),
    statusOf(card),
    h("span", { class: "quiet when" }, format.ago(card.at)),
  );
}

export function values(list) {
  return h(
    "dl",
    { class: "values" },
    list.map(({ name, meaning, type, value }) => h("div", {}, h("dt", { title: meaning || null }, name), h("dd", { class: type === "text" && String(value).length > 24 ? "mono" : null, title: type === "time" ? String(value) : null }, format.value(type, value)))),
  );
}

export function section(title, ...children) {
  return h("section", { class: "part" }, h("h2", {}, title), children);
}

// What a version holds, filled in when it comes.
export function preview(card, { lines = Infinity } = {}) {
  const place = h("div", { class: "preview" }, busy());
  get(node(card.id, "/preview")).then(
    (found) => show(place, drawn(found, card, lines)),
    (failed) => show(place, h("p", { class: "quiet" }, failed.message)),
  );
  return place;
}

function drawn(found, card, lines) {
  if (found.form === "none") return h("p", { class: "quiet nothing" }, `Its content is not shown: ${found.reason}.`);
  const cut = found.whole === false ? " · the beginning only" : "";
  const from = h("p", { class: "quiet from" }, `${found.form === "code" ? found.language : found.form === "table" ? "Table" : "Image"} · as found ${found.source}${cut}`);
  if (found.form === "image") return [from, h("img", { src: node(card.id, "/image"), alt: `The image ${card.name}`, class: "image" })];
  if (found.form === "table") return [from, table(found)];
  return [from, code(found.lines.slice(0, lines))];
}

function table({ columns, rows }) {
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => (row[i] ?? "") === "" || !Number.isNaN(Number(row[i]))));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "The first rows" },
    h(
      "table",
      { class: "data" },
      h("thead", {}, h("tr", {}, columns.map((name, i) => h("th", { scope: "col", class: numeric[i] ? "number" : null }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((_, i) => h("td", { class: numeric[i] ? "number" : null }, row[i] ?? ""))))),
    ),
  );
}

export function code(lines) {
  return h(
    "div",
    { class: "scroll code", tabindex: "0", role: "region", "aria-label": "The text" },
    h("table", {}, h("tbody", {}, lines.map((pieces, i) => h("tr", {}, h("td", { class: "at", data: { line: i + 1 } }), h("td", { class: "text" }, pieces.map(([kind, text]) => (kind ? h("span", { class: `t-${kind}` }, text) : text))))))),
  );
}

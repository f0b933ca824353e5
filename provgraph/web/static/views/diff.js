// Two versions, or two runs, side by side.

import { get } from "../api.js";
import { h, icon, show } from "../dom.js";
import * as format from "../format.js";
import { badge, section, statusOf } from "../parts.js";

export async function open(main, { parts: [left, right] }, current) {
  const found = await get("/api/difference", { left, right });
  if (!current()) return;
  const anything = found.texts.length || found.sections.some((one) => one.changes.length);
  show(
    main,
    h(
      "article",
      { class: "page wide-page" },
      h("h1", {}, found.left.name === found.right.name ? `${found.right.title}: what changed` : "What is different"),
      h("div", { class: "sides" }, side(found.left, found.left_run, "Left"), h("a", { class: "plain button", href: `#/diff/${encodeURIComponent(right)}/${encodeURIComponent(left)}`, title: "Exchange the sides", "aria-label": "Exchange the sides" }, icon("compare")), side(found.right, found.right_run, "Right")),
      !anything && h("p", { class: "notice good" }, icon("check"), "Nothing is different."),
      found.sections.map(changes),
      found.texts.map(text),
    ),
  );
}

function side(card, run, word) {
  return h(
    "div",
    { class: "of-side" },
    h("p", { class: "row" }, h("span", { class: "unseen" }, word), badge(card), statusOf(card)),
    h("p", {}, h("a", { href: `#/node/${encodeURIComponent(card.id)}`, class: "title" }, card.title)),
    h("p", { class: "quiet small" }, format.moment(card.at), card.digest && h("code", {}, ` ${format.digest(card.digest)}`)),
    run && run.id !== card.id && h("p", { class: "small" }, h("span", { class: "quiet" }, "by "), h("a", { href: `#/node/${encodeURIComponent(run.id)}` }, run.title)),
  );
}

function changes({ key, title, changes: list, same }) {
  const files = ["code", "inputs", "outputs"].includes(key);
  return section(
    h("span", {}, title, " ", h("span", { class: "quiet count" }, list.length ? `${format.count(list.length, "difference")}${same ? `, ${same} equal` : ""}` : `${format.count(same, "thing")}, all equal`)),
    list.length > 0 &&
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          { class: "data changes" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, files ? "File" : "What"), h("th", { scope: "col" }, "Left"), h("th", { scope: "col" }, "Right"))),
          h("tbody", {}, list.map((one) => h("tr", {}, h("th", { scope: "row" }, one.name), cell(one.left, one.left_id, one.right === null, "removed"), cell(one.right, one.right_id, one.left === null, "added")))),
        ),
      ),
  );
}

const TIME = /^\d{4}-\d\d-\d\dT/;

function cell(value, id, alone, kind) {
  if (value === null) return h("td", { class: "quiet" }, "—");
  const shown = TIME.test(value) ? format.moment(value) : value.startsWith("blake3:") || value.startsWith("git:") ? format.digest(value) : value;
  return h("td", { class: alone ? kind : null, title: value }, id ? h("a", { href: `#/node/${encodeURIComponent(id)}`, class: "mono" }, shown) : shown);
}

function text({ name, rows, added, removed, reason }) {
  const words = h("span", {}, h("span", { class: "mono" }, name), " ", !reason && h("span", { class: "quiet count" }, `${added} added, ${removed} removed`));
  if (reason) return section(words, h("p", { class: "quiet" }, `Not laid side by side: ${reason}.`));
  return section(
    words,
    h(
      "div",
      { class: "scroll code", tabindex: "0", role: "region", "aria-label": `${name} side by side` },
      h(
        "table",
        { class: "both" },
        h("thead", { class: "unseen" }, h("tr", {}, ["Line", "Left", "Line", "Right"].map((one) => h("th", { scope: "col" }, one)))),
        h("tbody", {}, rows.map((row) => (row.kind === "skipped" ? h("tr", { class: "skipped" }, h("td", { colspan: "4" }, "⋯")) : h("tr", {}, half(row.left_number, row.left, row.kind === "same" ? "" : "removed"), half(row.right_number, row.right, row.kind === "same" ? "" : "added"))))),
      ),
    ),
  );
}

function half(number, line, kind) {
  const there = line !== null;
  return [h("td", { class: "at", data: { line: number ?? "" } }), h("td", { class: `text ${there ? kind : "absent"}` }, there && kind && h("span", { class: "unseen" }, kind === "added" ? "added: " : "removed: "), there ? line : "")];
}

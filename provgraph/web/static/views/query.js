// Questions in the query language: written with completion, answered as a table or as a graph.

import { post } from "../api.js";
import { busy, h, icon, say, show } from "../dom.js";
import { editor } from "../editor.js";
import * as format from "../format.js";
import { section } from "../parts.js";

const EXAMPLES = [
  ['file "report.md" | lineage', "everything a file was made from"],
  ["model * | lineage | where kind = dataset | select path, by, size", "the data behind the models"],
  ["run [exit != 0] | sort by started desc | limit 20", "runs that failed"],
  ["(model * | lineage) & (script * | impact)", "in both"],
  ['explain file "report.md" | lineage depth 4', "how a question is understood"],
];
const ROWS = 200;

export async function open(main, { query }) {
  const text = query.get("q") ?? "";
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const box = editor({ text, run: (asked) => ask(asked) });
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        ask(box.area.value);
      },
    },
    box.box,
    h("div", { class: "row under" }, h("button", { type: "submit", class: "primary" }, icon("play", 14), "Ask"), h("span", { class: "quiet small" }, "Enter asks, Shift+Enter begins a line, Ctrl+Space shows what may stand here")),
  );
  show(main, h("div", { class: "page query" }, h("h1", {}, "Query"), form, answer));
  let turn = 0;

  async function ask(asked, limit = ROWS) {
    turn += 1;
    const mine = turn;
    box.mistake(null);
    history.replaceState(null, "", `#/query?q=${encodeURIComponent(asked)}`);
    if (!asked.trim()) {
      examples();
      return;
    }
    show(answer, busy("Asking…"));
    try {
      const found = await post("/api/query", { text: asked, limit });
      if (mine === turn) show(answer, drawn(found, asked, limit, ask));
    } catch (failed) {
      if (mine !== turn) return;
      if (failed.status === 422 && failed.start !== undefined) box.mistake(failed);
      const place = failed.line ? `line ${failed.line}, column ${failed.column}: ` : "";
      show(answer, h("div", { class: "notice bad", role: "alert" }, icon("warn"), h("div", {}, h("p", {}, h("span", { class: "quiet" }, place), failed.message), failed.hint && h("p", { class: "quiet" }, failed.hint))));
      say(failed.message);
      box.area.focus();
    }
  }

  function examples() {
    show(answer, section("For example", h("ul", { class: "asks" }, EXAMPLES.map(([example, meaning]) => h("li", {}, h("a", { href: `#/query?q=${encodeURIComponent(example)}`, class: "mono" }, example), h("span", { class: "quiet" }, meaning))))));
  }

  if (text.trim()) ask(text);
  else {
    examples();
    box.area.focus();
  }
}

function drawn(found, asked, limit, ask) {
  if (found.explained !== null) return h("pre", { class: "explained scroll", tabindex: "0" }, found.explained);
  const { columns, rows, ids, remarks } = found;
  const numeric = columns.map(({ type }) => ["number", "size", "duration"].includes(type));
  const nodes = [...new Set(ids.filter(Boolean))];
  return [
    h(
      "div",
      { class: "row under" },
      h("span", { class: "quiet" }, `${format.count(rows.length, "row")}${found.more ? " shown, there are more" : ""} · ${format.duration(found.seconds)}`),
      found.more && limit < 5000 && h("button", { type: "button", class: "small", onclick: () => ask(asked, 5000) }, "Show up to 5,000"),
      nodes.length > 0 && nodes.length <= 400 && h("a", { class: "button small", href: `#/graph?ids=${nodes.map(encodeURIComponent).join(",")}` }, icon("graph", 14), "Draw them"),
      rows.length > 0 && h("button", { type: "button", class: "small", onclick: () => csv(columns, rows) }, icon("save", 14), "CSV"),
    ),
    rows.length > 0
      ? h(
          "div",
          { class: "scroll rows", tabindex: "0", role: "region", "aria-label": "The answer" },
          h(
            "table",
            { class: "data" },
            h("thead", {}, h("tr", {}, columns.map(({ name }, i) => h("th", { scope: "col", class: numeric[i] ? "number" : null }, name)))),
            h("tbody", {}, rows.map((row, r) => h("tr", {}, row.map((held, i) => cell(columns[i], held, ids[r], i === linked(columns), numeric[i]))))),
          ),
        )
      : h("p", { class: "quiet none" }, "No row answers to it."),
    remarks.length > 0 && h("div", { class: "notice warn", role: "note" }, icon("warn"), h("div", {}, remarks.map((remark) => h("p", {}, remark)))),
  ];
}

function linked(columns) {
  const at = columns.findIndex(({ name }) => ["name", "path", "command", "sha"].includes(name));
  return Math.max(0, at);
}

function cell({ name, type }, held, id, link, number) {
  const text = name === "digest" || name === "blob" || name === "version" ? format.digest(held) : format.value(type, held);
  return h("td", { class: number ? "number" : null, title: text.length > 40 ? text : null }, link && id ? h("a", { href: `#/node/${encodeURIComponent(id)}` }, text || "…") : text);
}

function csv(columns, rows) {
  const quoted = (held) => {
    const text = Array.isArray(held) ? held.join(" ") : String(held ?? "");
    // What begins so would be a formula in a spreadsheet.
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = [columns.map(({ name }) => name), ...rows].map((row) => row.map(quoted).join(","));
  const link = h("a", { href: URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" })), download: "answer.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

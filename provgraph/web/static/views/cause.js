// Find the cause: what the lineage of bad results has more often than that of others.

import { post } from "../api.js";
import { busy, h, icon, say, show } from "../dom.js";
import { editor } from "../editor.js";
import * as format from "../format.js";

const COLUMNS = "select name, kind, lift, coverage, support";

export async function open(main, { query }) {
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const bad = editor({ text: query.get("bad") ?? "", run: ask, id: "bad", label: "The bad results", placeholder: "prediction [flagged]" });
  const good = editor({ text: query.get("good") ?? "", run: ask, id: "good", label: "The others, to compare with", placeholder: "prediction [not flagged]" });
  const by = h("select", { id: "by" }, h("option", { value: "lift" }, "lift: rarely among the others"), h("option", { value: "coverage", selected: query.get("by") === "coverage" }, "coverage: in most of the bad"));
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        ask();
      },
    },
    h("div", { class: "pair" }, h("div", {}, h("h2", {}, "Bad"), bad.box), h("div", {}, h("h2", {}, "Compared with"), good.box)),
    h("div", { class: "row under" }, h("button", { type: "submit", class: "primary" }, icon("search", 14), "Find what they share"), h("label", { for: "by", class: "quiet" }, "Order by"), by),
  );
  show(
    main,
    h("div", { class: "page query" }, h("h1", {}, "Find the cause"), h("p", { class: "lead quiet" }, "Which run, script or file do the lineages of bad results share that the others’ do not?"), form, answer),
  );
  let turn = 0;

  async function ask() {
    turn += 1;
    const mine = turn;
    bad.mistake(null);
    good.mistake(null);
    const [left, right] = [bad.area.value.trim(), good.area.value.trim()];
    if (!left) {
      show(answer, h("p", { class: "quiet" }, "Say which results are bad: a question such as ", h("code", {}, "prediction [flagged]"), ", or ", h("code", {}, 'file "out/*.json" [size < 10kB]'), "."));
      return;
    }
    const address = new URLSearchParams({ bad: left, good: right, by: by.value });
    history.replaceState(null, "", `#/cause?${address}`);
    show(answer, busy("Asking…"));
    const against = right ? ` against (${right})` : "";
    const text = `(${left}) | slice${against} by ${by.value} | limit 40 | ${COLUMNS}`;
    try {
      const found = await post("/api/query", { text, limit: 40 });
      if (mine === turn) show(answer, drawn(found));
    } catch (failed) {
      if (mine !== turn) return;
      if (failed.start !== undefined) point(failed, left, right);
      show(answer, h("div", { class: "notice bad", role: "alert" }, icon("warn"), h("div", {}, h("p", {}, failed.message), failed.hint && h("p", {}, failed.hint))));
      say(failed.message);
    }
  }

  // The mistake's place in the box that it is in.
  function point({ start, end }, left, right) {
    const [before, between] = ["(".length, ") | slice against (".length];
    if (start < before + left.length) bad.mistake({ start: start - before, end: Math.min(end - before, left.length) });
    else if (right) good.mistake({ start: start - before - left.length - between, end: end - before - left.length - between });
  }

  ask();
}

function drawn({ rows, ids }) {
  if (!rows.length) return h("p", { class: "quiet" }, "They share nothing that a tenth of them have.");
  return [
    h("p", { class: "quiet" }, "Lift: how much likelier it is in a bad lineage than in any. Coverage: the share of the bad that have it."),
    h(
      "div",
      { class: "scroll rows", tabindex: "0", role: "region", "aria-label": "What they share" },
      h(
        "table",
        { class: "data causes" },
        h("thead", {}, h("tr", {}, ["Shared", "Kind", "Lift", "Coverage", "Bad with it"].map((name, i) => h("th", { scope: "col", class: i > 1 ? "number" : null }, name)))),
        h(
          "tbody",
          {},
          rows.map(([name, kind, lift, coverage, support], i) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, h("a", { href: `#/graph/${encodeURIComponent(ids[i])}` }, name)),
              h("td", {}, kind),
              h("td", { class: "number" }, Number(lift).toFixed(2)),
              h("td", { class: "number" }, h("span", { class: "share" }, h("meter", { min: "0", max: "1", value: String(coverage), "aria-label": "coverage" }), `${Math.round(coverage * 100)} %`)),
              h("td", { class: "number" }, format.value("number", support)),
            ),
          ),
        ),
      ),
    ),
  ];
}

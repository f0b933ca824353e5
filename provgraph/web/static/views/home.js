// The overview: how much there is, the newest results and runs, and what one can ask.

import { get } from "../api.js";
import { h, show } from "../dom.js";
import { count } from "../format.js";
import { line, section } from "../parts.js";
import * as format from "../format.js";
import { list as requestList } from "./requests.js";

const QUESTIONS = [
  ["What went into the newest models?", "model * | lineage | where kind = dataset"],
  ["Which runs failed?", "run [exit != 0] | sort by started desc | limit 20"],
  ["What was read but never seen made?", "file * [state = external]"],
];

export async function open(main, _, current) {
  const [found, { requests, failed }] = await Promise.all([get("/api/home"), get("/api/requests").catch((failed) => ({ requests: [], failed }))]);
  if (!current()) return;
  const numbers = [
    ["Artifact", "file", "files"],
    ["Version", "version", "versions"],
    ["Run", "run", "runs"],
    ["Commit", "commit", "commits"],
  ].filter(([label]) => found.nodes[label]);
  show(
    main,
    h(
      "div",
      { class: "page home" },
      h("h1", {}, "Where do your files come from?"),
      h("p", { class: "lead quiet" }, numbers.length ? numbers.map(([label, one, many]) => count(found.nodes[label], one, many)).join(" · ") : "Nothing is recorded yet. Put `provgraph run --` before a command, and look again."),
      h(
        "div",
        { class: "columns" },
        section("Newest results", found.results.length ? h("div", { class: "lines" }, found.results.map((card) => line(card))) : h("p", { class: "quiet" }, "No model, report or figure yet.")),
        section(
          "Newest runs",
          found.runs.length ? h("div", { class: "lines" }, found.runs.map((card) => line(card, { page: true, detail: [format.duration(card.duration), card.name].filter(Boolean).join(" · ") }))) : h("p", { class: "quiet" }, "No run yet."),
          h("p", {}, h("a", { href: "#/timeline" }, "All runs and commits")),
        ),
      ),
      failed && h("p", { class: "wrong" }, `Requests to be forgotten cannot be read: ${failed.message}`),
      section("Requests to be forgotten", requests.length > 0 && requestList(requests), h("p", {}, h("a", { href: "#/requests" }, requests.length ? "All of them, and a new one" : "Plan how somebody, or a file, is forgotten"))),
      section("Ask", h("ul", { class: "asks" }, QUESTIONS.map(([title, text]) => h("li", {}, h("a", { href: `#/query?q=${encodeURIComponent(text)}` }, title), h("code", {}, text))))),
    ),
  );
}

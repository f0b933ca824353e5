// What is stale: the newest results that would come out otherwise today, and why.

import { get } from "../api.js";
import { busy, h, icon, show } from "../dom.js";
import * as format from "../format.js";
import { line } from "../parts.js";

const KINDS = ["model", "report", "prediction", "figure", "metrics", "dataset"];

export async function open(main, { query }) {
  const kind = query.get("kind") ?? "";
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const chosen = h("select", { id: "kind", onchange: () => (location.hash = chosen.value ? `#/stale?kind=${chosen.value}` : "#/stale") }, h("option", { value: "" }, "results"), KINDS.map((one) => h("option", { value: one, selected: one === kind }, `${one}${one.endsWith("s") ? "" : "s"}`)));
  show(
    main,
    h(
      "div",
      { class: "page" },
      h("h1", {}, "What is stale?"),
      h("p", { class: "lead quiet" }, "Versions that would come out otherwise today: something newer is there of what they were made from, code has changed, or an input was older than 30 days when it was used."),
      h("p", { class: "row under" }, h("label", { for: "kind", class: "quiet" }, "The latest"), chosen),
      answer,
    ),
  );
  show(answer, busy("Looking…"));
  try {
    const { versions } = await get("/api/stale", { kind: kind || null });
    show(answer, versions.length ? list(versions) : h("p", { class: "notice good" }, icon("check"), "Nothing is stale."));
  } catch (failed) {
    if (failed.status !== 504) throw failed;
    show(answer, h("div", { class: "notice warn", role: "alert" }, icon("warn"), h("div", {}, h("p", {}, `It cannot be said in the time that a page waits: ${failed.message}.`), h("p", {}, "Ask about fewer, ", h("code", {}, 'file "models/*" | stale'), ", on the command line where it may take longer."))));
  }
}

function list(versions) {
  const direct = versions.filter((one) => one.direct).length;
  return [
    h("p", { class: "quiet" }, `${format.count(versions.length, "version")}; of ${direct} the own inputs are why, of the others what those were made from`),
    h(
      "ul",
      { class: "stale-list" },
      versions.map(({ card, reasons }) =>
        h(
          "li",
          {},
          line({ ...card, stale: reasons }),
          h("ul", { class: "reasons quiet small" }, reasons.map((reason) => h("li", {}, reason))),
          h("a", { class: "small", href: `#/query?q=${encodeURIComponent(`file ${JSON.stringify(card.name)} | rerun plan`)}` }, "What would be run again?"),
        ),
      ),
    ),
  ];
}

// What is stale: the newest results that would come out otherwise today, and why.

import { get } from "../api.js";
import { busy, h, icon, show } from "../dom.js";
import * as format from "../format.js";
import { line, UNSURE } from "../parts.js";

const KINDS = ["model", "report", "prediction", "figure", "metrics", "dataset"];

export async function open(main, { query }) {
  const kind = query.get("kind") ?? "";
  const chosen = h("select", { id: "kind", onchange: () => (location.hash = chosen.value ? `#/stale?kind=${chosen.value}` : "#/stale") }, h("option", { value: "" }, "results"), KINDS.map((one) => h("option", { value: one, selected: one === kind }, plural(one))));
  const sums = h("div", { class: "sums-of-stale", "aria-live": "polite" });
  const list = h("ul", { class: "stale-list" });
  const more = h("button", { type: "button", hidden: true, onclick: () => next() }, "Look at older ones");
  const seen = { looked_at: 0, stale: 0, direct: 0, unsure: 0, before: null };
  show(
    main,
    h(
      "div",
      { class: "page" },
      h("h1", {}, "What is stale?"),
      h("p", { class: "lead quiet" }, "Versions that would come out otherwise today: something newer is there of what they were made from, code has changed, or an input was older than 30 days when it was used."),
      h("p", { class: "row under" }, h("label", { for: "kind", class: "quiet" }, "The latest"), chosen),
      h("div", { class: "answer" }, sums, list, h("p", { class: "older" }, more)),
    ),
  );
  async function next() {
    more.disabled = true;
    if (!seen.looked_at) show(sums, busy("Looking…"));
    const found = await get("/api/stale", { kind: kind || null, before: seen.before }).finally(() => (more.disabled = false));
    seen.looked_at += found.looked_at;
    seen.stale += found.versions.length;
    seen.direct += found.versions.filter((one) => one.direct).length;
    seen.unsure += found.unsure.length;
    seen.before = found.before;
    show(sums, summed(seen, kind));
    list.append(...found.versions.map(drawn));
    more.hidden = !seen.before;
  }
  await next();
}

const plural = (kind) => `${kind}${kind.endsWith("s") ? "" : "s"}`;

function summed({ looked_at: looked, stale, direct, unsure, before }, kind) {
  if (!looked && !before) {
    return [
      h("p", { class: "notice" }, icon("stack"), kind ? `There are no ${plural(kind)}, so none could be stale.` : "There are no results, so none could be stale: no model, report, prediction, figure or metrics was recorded. Other files can be chosen above."),
    ];
  }
  const among = `${before ? "the newest" : "all"} ${looked.toLocaleString("en")} ${kind ? plural(kind) : "results"}`;
  return [
    !stale && !unsure && h("p", { class: "notice good" }, icon("check"), `Nothing is stale among ${among}.`),
    stale > 0 && h("p", { class: "quiet" }, `${stale.toLocaleString("en")} stale among ${among}${direct < stale ? `; of ${direct.toLocaleString("en")} the own inputs are why, of the others what those were made from` : ""}`),
    unsure > 0 && h("p", { class: "notice warn" }, icon("clock"), `Of ${stale ? `${unsure.toLocaleString("en")} others` : `${unsure.toLocaleString("en")} among ${among}`} it is not known. ${UNSURE}`),
  ];
}

function drawn({ card, reasons }) {
  return h(
    "li",
    {},
    line({ ...card, stale: reasons }),
    h("ul", { class: "reasons quiet small" }, reasons.map((reason) => h("li", {}, reason))),
    h("a", { class: "small", href: `#/query?q=${encodeURIComponent(`file ${JSON.stringify(card.name)} | rerun plan`)}` }, "What would be run again?"),
  );
}

// The page of one node.

import { get, node, post } from "../api.js";
import { h, icon, say, show } from "../dom.js";
import * as format from "../format.js";
import { badge, line, preview, reasonsOf, section, statusOf, values } from "../parts.js";

export async function open(main, { parts: [id] }, current) {
  const page = await get(node(id));
  if (current()) draw(main, page);
}

function draw(main, page) {
  const { card } = page;
  const { stale, checks } = looked(card);
  document.title = `${card.title} · provgraph`;
  show(
    main,
    h(
      "article",
      { class: "page" },
      head(page),
      said(page, (next) => draw(main, next)),
      gaps(page.gaps),
      stale,
      h(
        "div",
        { class: "split" },
        h(
          "div",
          { class: "wide" },
          page.message && section("Message", h("pre", { class: "message" }, page.message)),
          card.label === "Version" && section("Content", preview(card)),
          page.sections.map((one) => list(one)),
        ),
        h(
          "aside",
          { class: "side" },
          section("Facts", values(page.values)),
          checks,
          page.version_count > 1 && versions(page),
          page.run && card.label !== "Run" && section("Run", h("div", { class: "lines" }, line(page.run, { page: true, detail: page.run.name }), page.component && line(page.component, { page: true, detail: "component" }))),
          page.environment && environment(page.environment, card),
        ),
      ),
    ),
  );
}

// What was looked at, filled in when it is known: it hangs on all that a version was made from.
function looked(card) {
  const stale = h("div", { class: "staleness" });
  const checks = h("section", { class: "part checks", hidden: true });
  get(node(card.id, "/checks")).then(
    ({ checks: found }) => {
      show(stale, reasonsOf(found.find((one) => one.name === "Freshness" && one.finding === "warn")?.reasons));
      checks.hidden = !found.length;
      show(checks, h("h2", {}, "Checks"), h("ul", {}, found.map(check)));
    },
    (failed) => show(stale, h("p", { class: "quiet small" }, `What speaks for it and against it is not known here: ${failed.message}.`)),
  );
  return { stale, checks };
}

const FINDINGS = { good: ["check", "fine"], warn: ["warn", "to look at"], bad: ["close", "bad"], unknown: ["minus", "not known"] };

function check({ name, finding, words, reasons }) {
  const [picture, word] = FINDINGS[finding];
  return h("li", { class: finding }, h("span", { class: "found" }, icon(picture, 14), h("span", { class: "unseen" }, `${word}: `)), h("span", {}, h("b", {}, name), " ", h("span", { class: "quiet" }, words), reasons.length > 0 && h("ul", { class: "quiet small" }, reasons.map((reason) => h("li", {}, reason)))));
}

function head({ card, number, version_count: total, verdict, gaps: missing }) {
  const where = card.label === "Version" ? card.name : card.label === "Step" || card.label === "Run" ? card.command : card.name;
  return h(
    "header",
    { class: "head" },
    h("div", { class: "row" }, badge(card), statusOf(card), verdict === "complete" && !missing.length && h("span", { class: "state good", title: "Nothing that its run read or wrote is known to be missing" }, "complete record"), number && total > 1 && h("span", { class: "quiet" }, `version ${number} of ${total}`), h("span", { class: "quiet" }, card.at ? format.moment(card.at) : "")),
    h("h1", {}, card.title),
    where && where !== card.title && h("p", { class: "mono where" }, where),
    ["Version", "Step"].includes(card.label) &&
      h("p", { class: "row" }, h("a", { class: "button primary", href: `#/graph/${encodeURIComponent(card.id)}` }, icon("graph"), "Where it comes from"), h("a", { class: "button", href: `#/query?q=${encodeURIComponent(asked(card))}` }, icon("terminal"), "Ask about it")),
  );
}

// What people say of it: a flag, notes, and the way to add them.
function said(page, done) {
  const { card, flag, notes } = page;
  const place = h("div", { class: "said" });
  const problem = h("p", { class: "wrong", role: "alert" });
  const send = (path, body) =>
    post(node(card.id, path), body).then(
      (next) => {
        say("written down");
        done(next);
      },
      (failed) => show(problem, failed.message),
    );
  const ask = (label, button, act) => {
    const input = h("input", { id: "said", maxlength: "2000" });
    show(
      form,
      h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); act(input.value.trim()); } }, h("label", { for: "said" }, label), input, h("button", { type: "submit", class: "small primary" }, button), h("button", { type: "button", class: "small plain", onclick: close }, "Cancel")),
    );
    input.focus();
  };
  const form = h("div", {});
  function close() {
    show(
      form,
      h(
        "div",
        { class: "row" },
        flag === null
          ? h("button", { type: "button", class: "small", onclick: () => ask("Why is it one to look at?", "Flag it", (reason) => send("/flag", { flagged: true, reason })) }, icon("flag", 14), "Flag")
          : h("button", { type: "button", class: "small", onclick: () => send("/flag", { flagged: false }) }, icon("flag", 14), "Take the flag away"),
        h("button", { type: "button", class: "small", onclick: () => ask("Note", "Add", (text) => text && send("/notes", { text })) }, icon("page", 14), "Add a note"),
      ),
    );
  }
  close();
  place.append(
    ...[
      flag !== null && h("div", { class: "notice bad" }, icon("flag"), h("p", {}, "Flagged", flag && `: ${flag}`)),
      notes.length > 0 && h("ul", { class: "notes", "aria-label": "Notes" }, notes.map((note) => h("li", {}, note))),
      form,
      problem,
    ].filter(Boolean),
  );
  return place;
}

function asked(card) {
  if (card.label === "Step") return `step ${card.id.slice(0, 12)} | impact`;
  return `file ${JSON.stringify(card.name)} | lineage`;
}

export function gaps(list) {
  if (!list.length) return null;
  return h("section", { class: "notice warn" }, icon("warn"), h("div", {}, h("h2", {}, "The record of its run may miss something"), h("ul", {}, list.map((gap) => h("li", {}, gap)))));
}

function list({ title, total, cards }) {
  const rest = total - cards.length;
  return section(
    h("span", {}, title, " ", h("span", { class: "quiet count" }, total.toLocaleString("en"))),
    h("div", { class: "lines" }, cards.map((card) => line(card, { page: !["Version", "Step"].includes(card.label) }))),
    rest > 0 && h("p", { class: "quiet" }, `and ${format.count(rest, "more", "more")}`),
  );
}

function versions({ card, versions: cards, version_count: total }) {
  const first = total - cards.length;
  return section(
    `Versions`,
    h(
      "ol",
      { class: "versions" },
      cards
        .map((one, i) => ({ one, number: first + i + 1, before: cards[i - 1] }))
        .reverse()
        .map(({ one, number, before }) =>
          h(
            "li",
            { class: one.id === card.id ? "here" : null },
            h("a", { href: `#/node/${encodeURIComponent(one.id)}`, "aria-current": one.id === card.id ? "true" : null }, h("span", { class: "number" }, `${number}`), h("span", {}, format.moment(one.at)), h("code", {}, format.digest(one.digest))),
            before && h("a", { class: "plain small", href: `#/diff/${encodeURIComponent(before.id)}/${encodeURIComponent(one.id)}`, title: `Compare with version ${number - 1}`, "aria-label": `Compare version ${number} with ${number - 1}` }, icon("compare", 14)),
          ),
        ),
    ),
  );
}

function environment(found, card) {
  return section(
    "Environment",
    h("p", {}, card.id === found.id ? found.name : h("a", { href: `#/node/${encodeURIComponent(found.id)}` }, found.name)),
    found.packages.length > 0 &&
      h(
        "details",
        { open: card.id === found.id },
        h("summary", {}, format.count(found.packages.length, "package")),
        h(
          "div",
          { class: "packages", tabindex: "0", role: "region", "aria-label": "Packages" },
          h("ul", {}, found.packages.map((one) => {
            const [name, version = ""] = one.split("==");
            return h("li", {}, h("span", {}, name), h("code", {}, version));
          })),
        ),
      ),
  );
}

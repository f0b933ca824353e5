// The search box: suggestions while one types, by the pattern of a combobox with a list.

import { get } from "./api.js";
import { h, icon, say, show } from "./dom.js";
import { count } from "./format.js";
import { familyOf, iconOf, wordOf } from "./kinds.js";

export function hrefOf(card) {
  return card.label === "Version" || card.label === "Artifact" || card.label === "Step" ? `#/graph/${encodeURIComponent(card.id)}` : `#/node/${encodeURIComponent(card.id)}`;
}

export function searchBox(host, { label = "Search files, runs and commits", choose = (card) => (location.hash = hrefOf(card)), key = true, id = "search-box" } = {}) {
  const list = h("ul", { role: "listbox", id: `${id}-list`, "aria-label": "Suggestions", hidden: true });
  const input = h("input", {
    id,
    type: "search",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: label,
    "aria-label": label,
    "aria-expanded": "false",
    "aria-controls": `${id}-list`,
    "aria-autocomplete": "list",
  });
  let hits = [];
  let at = -1;
  let turn = 0;
  let timer = 0;

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    at = -1;
  }

  function mark(next) {
    at = hits.length ? (next + hits.length) % hits.length : -1;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    if (at >= 0) {
      input.setAttribute("aria-activedescendant", `${id}-${at}`);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  function take(card) {
    input.value = "";
    close();
    input.blur();
    choose(card);
  }

  async function ask() {
    const text = input.value.trim();
    turn += 1;
    const mine = turn;
    if (!text) {
      close();
      return;
    }
    const found = await get("/api/search", { q: text, limit: 12 }).catch(() => null);
    if (mine !== turn || !found) return;
    hits = found.hits;
    show(
      list,
      hits.length
        ? hits.map(({ card, detail }, i) =>
            h(
              "li",
              { role: "option", id: `${id}-${i}`, "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => take(card) },
              h("span", { class: `kind kind-${familyOf(card)}` }, icon(iconOf(card))),
              h("span", { class: "hit" }, h("span", { class: "title" }, card.title), h("span", { class: "quiet detail" }, detail === card.title ? "" : detail)),
              h("span", { class: "quiet word" }, wordOf(card)),
            ),
          )
        : h("li", { class: "none quiet" }, `Nothing has “${text}” in its name`),
    );
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(hits.length ? 0 : -1);
    say(hits.length ? count(hits.length, "suggestion") : "no suggestion");
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 90);
  });
  input.addEventListener("focus", () => input.value && ask());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      mark(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && at >= 0 && hits[at]) {
      event.preventDefault();
      take(hits[at].card);
    } else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    }
  });
  show(host, h("span", { class: "lens" }, icon("search")), input, key && h("kbd", { "aria-hidden": "true" }, "/"), list);
  return input;
}

// Which view an address shows, and what stands around every view.

import * as api from "./api.js";
import { busy, h, icon, say, show } from "./dom.js";
import { searchBox } from "./search.js";
import * as theme from "./theme.js";

// A view is a module with `open(main, place)`; it may return a function that ends it. `place` has the
// parts of the address after the view's name, and what stands behind the `?`.
const VIEWS = {
  home: () => import("./views/home.js"),
  graph: () => import("./views/explore.js"),
  node: () => import("./views/node.js"),
  timeline: () => import("./views/timeline.js"),
  diff: () => import("./views/diff.js"),
  stale: () => import("./views/stale.js"),
  cause: () => import("./views/cause.js"),
  requests: () => import("./views/requests.js"),
  query: () => import("./views/query.js"),
  api: () => import("./views/reference.js"),
};

const main = document.getElementById("main");
const banner = document.getElementById("banner");
let end = null;
let turn = 0;
let shown = "";

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...parts] = path.split("/").map(decodeURIComponent);
  return { view: view || "home", parts, query: new URLSearchParams(query) };
}

async function open() {
  const at = place();
  turn += 1;
  const mine = turn;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.dataset.view === at.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  end?.();
  end = null;
  main.className = `view-${at.view}`;
  document.title = "provgraph";
  if (!VIEWS[at.view]) {
    lost(at.view);
    return;
  }
  show(main, busy());
  try {
    const view = await VIEWS[at.view]().catch((problem) => {
      throw problem instanceof TypeError ? api.unreachable() : problem; // the module cannot be fetched
    });
    if (mine !== turn) return;
    const ended = await view.open(main, at, () => mine === turn);
    if (mine === turn) end = ended ?? null;
    else ended?.();
  } catch (failed) {
    if (mine === turn) problem(failed);
  }
  if (mine === turn && shown && shown !== location.hash) main.focus({ preventScroll: true });
  shown = location.hash;
  if (at.view !== "graph") window.scrollTo(0, 0);
}

function lost(view) {
  show(main, h("section", { class: "page narrow" }, h("h1", {}, "There is no such page"), h("p", {}, `“${view}” is no view of the explorer. `, h("a", { href: "#/" }, "Overview"))));
}

function problem(failed) {
  if (failed.status === 401) {
    askToken();
    return;
  }
  const title = failed.status === 404 ? "Nothing of that name" : failed.status === 0 || failed.status >= 500 ? "The graph cannot be read now" : "This cannot be shown";
  const again = h("button", { type: "button", onclick: () => open() }, "Try again");
  show(
    main,
    h("section", { class: "page narrow problem" }, h("h1", {}, title), h("p", {}, failed.message), failed.hint && h("p", { class: "quiet" }, failed.hint), h("p", { class: "row" }, again, h("a", { href: "#/", class: "button" }, "Overview"))),
  );
  say(`${title}. ${failed.message}`);
  if (!failed.status && !(failed instanceof api.Failed)) throw failed;
}

function askToken(wrong) {
  const input = h("input", { type: "password", name: "token", id: "token", autocomplete: "current-password", required: true });
  const form = h(
    "form",
    {
      class: "page narrow signin",
      onsubmit: (event) => {
        event.preventDefault();
        api.signIn(input.value.trim()).then(begin, (failed) => askToken(failed));
      },
    },
    h("h1", {}, "This explorer asks for its token"),
    h("p", { class: "quiet" }, "`provgraph ui` printed it, at the end of the address."),
    h("label", { for: "token" }, "Token"),
    h("div", { class: "row" }, input, h("button", { type: "submit", class: "primary" }, "Open")),
    wrong && h("p", { class: "wrong", role: "alert" }, wrong.message, wrong.hint ? `: ${wrong.hint}` : ""),
  );
  show(main, form);
  input.focus();
}

api.onReach((state) => {
  if (state === true) {
    banner.hidden = true;
    return;
  }
  show(banner, icon("warn"), h("span", {}, state.message, " ", state.hint && h("span", { class: "quiet" }, state.hint)), h("button", { type: "button", onclick: () => open() }, "Try again"));
  banner.hidden = false;
});

async function begin() {
  const found = await api.session();
  if (found.asks_token) {
    askToken();
    return;
  }
  document.getElementById("project").textContent = found.project;
  addEventListener("hashchange", open);
  await open();
}

function fromAddress() {
  const query = new URLSearchParams(location.search);
  const token = query.get("token");
  if (!token) return null;
  query.delete("token");
  const rest = query.toString();
  history.replaceState(null, "", `${location.pathname}${rest ? `?${rest}` : ""}${location.hash}`);
  return token;
}

theme.begin(document.getElementById("theme"));
searchBox(document.getElementById("search"));
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.querySelector("#search input").focus();
  }
});
show(main, busy());
const token = fromAddress();
try {
  if (token) await api.signIn(token).catch((failed) => failed.status === 401 || Promise.reject(failed));
  await begin();
} catch (failed) {
  problem(failed);
}

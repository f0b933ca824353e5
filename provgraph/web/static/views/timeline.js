// What happened: a bar for each day, and the runs and commits, newest first.

import { get } from "../api.js";
import { h, icon, show, svg } from "../dom.js";
import * as format from "../format.js";
import { familyOf, iconOf } from "../kinds.js";
import { statusOf } from "../parts.js";

export async function open(main, _, current) {
  const [days, first] = await Promise.all([get("/api/activity"), get("/api/timeline")]);
  if (!current()) return;
  const list = h("ol", { class: "timeline" });
  const more = h("button", { type: "button" }, "Show older");
  const page = h("div", { class: "page" }, h("h1", {}, "Timeline"), activity(days.days), list, h("p", { class: "older" }, more));
  const state = { day: "", before: first.before, group: null };
  add(list, state, first.entries);
  more.hidden = !state.before;
  more.addEventListener("click", async () => {
    more.disabled = true;
    const next = await get("/api/timeline", { before: state.before }).finally(() => (more.disabled = false));
    state.before = next.before;
    add(list, state, next.entries);
    more.hidden = !state.before;
  });
  if (!first.entries.length) list.append(h("li", { class: "quiet" }, "Nothing is recorded yet."));
  show(main, page);
}

function add(list, state, entries) {
  for (const entry of entries) {
    const day = (entry.card.at ?? "").slice(0, 10);
    if (day !== state.day) {
      state.day = day;
      state.group = h("ol", { class: "day" });
      list.append(h("li", {}, h("h2", {}, entry.card.at ? format.day(entry.card.at) : "At an unknown time"), state.group));
    }
    state.group.append(drawn(entry));
  }
}

function drawn({ card, outputs, author }) {
  const about = [card.label === "Run" ? `run ${card.name}` : card.name.slice(0, 10), author, card.label === "Run" && format.duration(card.duration), card.label === "Run" && format.count(outputs, "output")];
  return h(
    "li",
    { class: card.exit || card.signal ? "failed" : null },
    h("time", { datetime: card.at, class: "quiet" }, format.clock(card.at)),
    h("span", { class: `kind dot kind-${familyOf(card)}` }, icon(iconOf(card), 14)),
    h("a", { href: `#/node/${encodeURIComponent(card.id)}` }, h("span", { class: "hit" }, h("span", { class: "title" }, card.title), h("span", { class: "quiet detail" }, about.filter(Boolean).join(" · ")))),
    statusOf(card),
  );
}

const HEIGHT = 64;
const DAY = 86_400_000;

// A bar a day, a week or four weeks, in their place in time; the words say the same.
function activity(days) {
  if (days.length < 2) return null;
  const at = (one) => Date.parse(`${one.day}T00:00:00Z`);
  const [from, to] = [at(days[0]), at(days[days.length - 1])];
  const all = Math.round((to - from) / DAY) + 1;
  const width = [1, 7, 28].find((one) => all / one <= 110) ?? Math.ceil(all / 110);
  const count = Math.max(Math.ceil(all / width), 14);
  const bins = new Map();
  for (const one of days) {
    const bin = Math.floor((at(one) - from) / DAY / width);
    const known = bins.get(bin) ?? { runs: 0, failed: 0, commits: 0, first: one.day, last: one.day };
    bins.set(bin, { runs: known.runs + one.runs, failed: known.failed + one.failed, commits: known.commits + one.commits, first: known.first, last: one.day });
  }
  const most = Math.max(...[...bins.values()].map((bin) => Math.max(bin.runs, bin.commits)));
  const each = 100 / count;
  const scale = (number) => (number ? Math.max(4, (number / most) * (HEIGHT / 2 - 4)) : 0);
  const middle = HEIGHT / 2;
  const bars = [...bins].map(([bin, one]) => {
    const when = one.first === one.last ? one.first : `${one.first} to ${one.last}`;
    const words = `${when}: ${format.count(one.runs, "run")}${one.failed ? `, ${one.failed} failed` : ""}, ${format.count(one.commits, "commit")}`;
    const bar = (y, height, kind) => height > 0 && svg("rect", { x: `${bin * each + each * 0.1}%`, width: `${each * 0.8}%`, y, height, rx: 1.5, class: kind });
    return svg("g", {}, svg("title", {}, words), svg("rect", { x: `${bin * each}%`, width: `${each}%`, y: 0, height: HEIGHT, class: "back" }), bar(middle - scale(one.runs), scale(one.runs), one.failed ? "runs failed" : "runs"), bar(middle + 1, scale(one.commits), "commits"));
  });
  const totals = [format.count(days.reduce((sum, one) => sum + one.runs, 0), "run"), format.count(days.reduce((sum, one) => sum + one.commits, 0), "commit")];
  const unit = { 1: "day", 7: "week", 28: "four weeks" }[width] ?? `${width} days`;
  return h(
    "figure",
    { class: "activity" },
    svg("svg", { width: "100%", height: HEIGHT, role: "img", "aria-label": `${totals.join(" and ")} on ${days.length} days, from ${days[0].day} to ${days[days.length - 1].day}` }, svg("line", { x1: 0, x2: "100%", y1: middle + 0.5, y2: middle + 0.5, class: "axis" }), ...bars),
    h("div", { class: "ends quiet small", "aria-hidden": "true" }, h("span", {}, format.dayOnly(days[0].day)), h("span", {}, count * width > all ? "" : format.dayOnly(days[days.length - 1].day))),
    h("figcaption", { class: "quiet small" }, h("span", {}, `${totals.join(", ")}; a bar is a ${unit}`), h("span", { class: "keys" }, h("span", { class: "key runs" }), "runs", h("span", { class: "key commits" }), "commits")),
  );
}

// Requests to be forgotten: the list of them, and a plan to review and sign.

import { get, post } from "../api.js";
import { h, icon, say, show } from "../dom.js";
import * as format from "../format.js";
import { section } from "../parts.js";

const DOES = {
  redact: "Rows taken out",
  erase: "Erased",
  rebuild: "Made again",
  keep: "Kept",
  "by hand": "By hand",
  forget: "Forgotten in the graph",
  duty: "Duties outside",
};
const TONE = { redact: "warn", erase: "bad", rebuild: "warn", keep: "good", "by hand": "warn", forget: "", duty: "warn" };

export async function open(main, { parts: [id] }, current) {
  if (id) {
    const plan = await get(`/api/requests/${encodeURIComponent(id)}`);
    if (current()) drawPlan(main, plan);
    return;
  }
  const { requests } = await get("/api/requests");
  if (!current()) return;
  show(main, h("div", { class: "page" }, h("h1", {}, "Requests to be forgotten"), requests.length ? list(requests) : h("p", { class: "lead quiet" }, "There is none."), section("Plan another", asking(main))));
}

// The form of a new request; it leads to its plan.
function asking(main) {
  const problem = h("p", { class: "wrong", role: "alert" });
  const targets = h("textarea", { id: "targets", rows: "2", required: true, spellcheck: "false", placeholder: "client:4711" });
  const reference = h("input", { id: "reference", maxlength: "200", placeholder: "DSR-17" });
  const due = h("input", { id: "due", type: "date" });
  const derived = h("input", { type: "checkbox", id: "derived" });
  const button = h("button", { type: "submit", class: "primary" }, "Make the plan");
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    show(problem);
    try {
      const names = targets.value.split("\n").map((one) => one.trim()).filter(Boolean);
      const plan = await post("/api/requests", { targets: names, reference: reference.value.trim(), due: due.value || null, erase_derived: derived.checked });
      say("planned");
      history.replaceState(null, "", `#/requests/${encodeURIComponent(plan.request.id)}`);
      drawPlan(main, plan);
    } catch (failed) {
      button.disabled = false;
      show(problem, failed.message, failed.hint ? ` ${failed.hint}` : "");
    }
  };
  return h(
    "form",
    { class: "asking", onsubmit: send },
    h("div", { class: "field" }, h("label", { for: "targets" }, "Subjects or files, one a line"), targets),
    h("div", { class: "row" }, h("div", { class: "field" }, h("label", { for: "reference" }, "Called elsewhere"), reference), h("div", { class: "field" }, h("label", { for: "due" }, "Due; a month if empty"), due)),
    h("label", { class: "row" }, derived, "Erase what was made from it, and make nothing again"),
    h("p", { class: "row" }, button, h("span", { class: "quiet small" }, "Nothing is deleted by a plan.")),
    problem,
  );
}

export function list(requests) {
  return h("div", { class: "lines" }, requests.map((one) => h("a", { class: "line", href: `#/requests/${encodeURIComponent(one.id)}` }, h("span", { class: "hit" }, h("span", { class: "title" }, one.reference || one.id), h("span", { class: "quiet detail" }, `${one.id} · asked ${format.moment(one.asked)}`)), state(one), h("span", { class: "quiet when" }, `due ${format.moment(one.due).split(",").slice(0, 2).join(",")}`))));
}

function state(request) {
  const tone = request.overdue ? "bad" : request.state === "done" ? "good" : "warn";
  return h("span", { class: `state ${tone}` }, request.overdue ? `${request.state}, overdue` : request.state);
}

function drawPlan(main, plan) {
  const { request, lines, copies, reruns, blind } = plan;
  const counts = Object.keys(DOES).map((kind) => [kind, lines.filter((line) => line.do === kind)]).filter(([, some]) => some.length);
  show(
    main,
    h(
      "article",
      { class: "page wide-page" },
      h("div", { class: "row" }, state(request), h("span", { class: "quiet" }, `asked ${format.moment(request.asked)}, due ${format.moment(request.due)}`)),
      h("h1", {}, request.reference ? `${request.reference}: plan of deletion` : `Plan of deletion ${request.id}`),
      h("ul", { class: "sums" }, counts.map(([kind, some]) => h("li", {}, h("span", { class: "number" }, some.length.toLocaleString("en")), h("span", { class: "quiet" }, DOES[kind].toLowerCase())))),
      blind.length > 0 && h("section", { class: "notice warn" }, icon("warn"), h("div", {}, h("h2", {}, "What cannot be known"), h("ul", {}, blind.map((one) => h("li", {}, one))))),
      signatures(plan, (next) => drawPlan(main, next)),
      counts.map(([kind, some]) => group(kind, some, keepable(plan) && ["redact", "erase", "rebuild"].includes(kind) ? (line) => keeping(plan, line, (next) => drawPlan(main, next)) : null)),
      copies.length > 0 && own(copies),
      reruns.length > 0 && section("Commands that are run again", h("ol", { class: "reruns" }, reruns.map((one) => h("li", {}, h("code", {}, one.command), h("span", { class: "quiet" }, one.seconds ? ` took ${format.duration(one.seconds)}` : ""), h("p", { class: "quiet small" }, `makes ${one.makes.join(", ")}`))))),
    ),
  );
}

function keepable({ request, may_sign: may }) {
  return may && ["planned", "approved"].includes(request.state);
}

// The decision that a file is kept; it becomes a rule of the project, and the plan is made anew by it.
function keeping(plan, line, done) {
  const id = `keep-${line.version}`;
  const problem = h("p", { class: "wrong", role: "alert" });
  const basis = h("select", { id: `${id}-basis` }, ["legal hold", "retention", "anonymised"].map((one) => h("option", { value: one }, one)));
  const input = (name, given = {}) => h("input", { id: `${id}-${name}`, required: true, maxlength: "200", ...given });
  const [reason, owner, expires] = [input("reason"), input("owner"), input("expires", { type: "date", required: false })];
  const field = (name, label, box) => h("div", { class: "field" }, h("label", { for: `${id}-${name}` }, label), box);
  const send = async (event) => {
    event.preventDefault();
    try {
      const next = await post(`/api/requests/${encodeURIComponent(plan.request.id)}/keep`, { name: line.name, basis: basis.value, reason: reason.value.trim(), owner: owner.value.trim(), expires: expires.value || null });
      say("kept; the plan was made anew");
      done(next);
    } catch (failed) {
      show(problem, failed.message, failed.hint ? ` ${failed.hint}` : "");
    }
  };
  return h(
    "details",
    { class: "keeping" },
    h("summary", { "aria-label": `Keep ${line.name}` }, "Keep"),
    h("form", { onsubmit: send }, field("basis", "On which basis", basis), field("reason", "Why", reason), field("owner", "In whose name", owner), field("expires", "Until", expires), h("button", { type: "submit", class: "small" }, "Keep it"), problem),
  );
}

function group(kind, lines, keep) {
  return section(
    h("span", { class: "row" }, h("span", { class: `state ${TONE[kind]}` }, DOES[kind]), h("span", { class: "quiet count" }, format.count(lines.length, "version"))),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": DOES[kind] },
      h(
        "table",
        { class: "data plan" },
        h("thead", {}, h("tr", {}, ["Name", "Kind", "Size", "What is known", "Why it is here", ...(keep ? ["Decide"] : [])].map((name, i) => h("th", { scope: "col", class: i === 2 ? "number" : null }, name)))),
        h("tbody", {}, lines.map((line) => h("tr", {}, h("th", { scope: "row" }, line.version ? h("a", { href: `#/graph/${encodeURIComponent(line.version)}` }, line.name) : line.name), h("td", {}, line.kind), h("td", { class: "number" }, line.size ? format.size(line.size) : ""), h("td", {}, line.how), h("td", { class: "why" }, line.basis && h("span", {}, line.basis), line.way.length > 1 && h("span", { class: "way quiet" }, line.way.join(" → ")), !line.basis && line.way.length < 2 && line.why), keep && h("td", {}, keep(line))))),
      ),
    ),
  );
}

// The files of provgraph's own that hold or name what goes.
function own(copies) {
  const title = "In provgraph's own files";
  return section(
    h("span", { class: "row" }, title, h("span", { class: "quiet count" }, format.count(copies.length, "file"))),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
      h(
        "table",
        { class: "data plan" },
        h("thead", {}, h("tr", {}, ["What is done", "Name", "Size", "Why it is here"].map((name, i) => h("th", { scope: "col", class: i === 2 ? "number" : null }, name)))),
        h("tbody", {}, copies.map((copy) => h("tr", {}, h("td", {}, copy.what === "kept content" ? "erased" : "written again without it"), h("th", { scope: "row" }, copy.name), h("td", { class: "number" }, copy.size ? format.size(copy.size) : ""), h("td", { class: "why" }, h("span", {}, copy.said), h("span", { class: "way quiet" }, copy.way.join(" → ")))))),
      ),
    ),
  );
}

function signatures(plan, done) {
  const { request, signed, needed, may_sign: may } = plan;
  const problem = h("p", { class: "wrong", role: "alert" });
  const waits = request.state === "planned" || (request.state === "approved" && signed.length < needed);
  const read = h("input", { type: "checkbox", id: "read" });
  const button = h("button", { type: "submit", class: "primary" }, icon("check", 14), "Sign the plan");
  const again = () =>
    post(`/api/requests/${encodeURIComponent(request.id)}/replan`, {}).then(
      (next) => {
        say("the plan was made anew");
        done(next);
      },
      (failed) => show(problem, failed.message, failed.hint ? ` ${failed.hint}` : ""),
    );
  const form = h(
    "form",
    {
      class: "row",
      onsubmit: async (event) => {
        event.preventDefault();
        if (!read.checked) {
          show(problem, "Say first that the plan was read.");
          return;
        }
        button.disabled = true;
        try {
          const next = await post(`/api/requests/${encodeURIComponent(request.id)}/approve`, { plan: plan.hash });
          say("signed");
          done(next);
        } catch (failed) {
          button.disabled = false;
          show(problem, failed.message, failed.hint ? ` ${failed.hint}` : "");
        }
      },
    },
    h("label", { class: "row" }, read, "I have read what goes, what stays, and what cannot be known"),
    button,
  );
  return h(
    "section",
    { class: "signatures" },
    h("h2", {}, "Signatures"),
    h("p", {}, signed.length ? `Signed by ${signed.join(", ")}: ${signed.length} of ${needed}.` : `Not signed yet; it takes ${format.count(needed, "signature")}.`, h("span", { class: "quiet" }, " Plan ", h("code", { title: plan.hash }, plan.hash.slice(0, 12)))),
    waits && may && form,
    ["planned", "approved"].includes(request.state) && h("p", {}, h("button", { type: "button", class: "small", onclick: again }, "Make the plan anew"), h("span", { class: "quiet small" }, " as the graph is now; signatures are given again")),
    waits && !may && h("p", { class: "quiet" }, "Signed on the command line, ", h("code", {}, `provgraph forget approve ${request.id}`), ", or here where the explorer was started with ", h("code", {}, "--token"), " for this machine alone."),
    problem,
    !waits && request.state === "approved" && h("p", { class: "quiet" }, "It can be carried out: ", h("code", {}, `provgraph forget execute ${request.id}`)),
  );
}

// The query box: a text area with completion, and the mistake marked where it is.

import { post } from "./api.js";
import { h, say, show } from "./dom.js";

// `run(text)` is called on Ctrl+Enter, and on Enter where the text is one line and nothing is chosen.
export function editor({ text, run, id = "query", label = "A question in the query language", placeholder = 'model "churn" | lineage | where kind = dataset' }) {
  const area = h("textarea", {
    id: `${id}-text`,
    rows: "3",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "aria-label": label,
    "aria-autocomplete": "list",
    "aria-controls": `${id}-options`,
    placeholder,
  });
  area.value = text;
  const mirror = h("div", { class: "mirror", "aria-hidden": "true" });
  const list = h("ul", { role: "listbox", id: `${id}-options`, class: "options", "aria-label": "What may stand here", hidden: true });
  const box = h("div", { class: "editor" }, mirror, area, list);
  let options = [];
  let span = [0, 0];
  let at = -1;
  let turn = 0;
  let timer = 0;
  let marked = null;

  function paint() {
    const value = area.value;
    if (!marked) {
      show(mirror, `${value} `);
    } else {
      const [start, end] = [Math.min(marked.start, value.length), Math.min(Math.max(marked.end, marked.start + 1), value.length)];
      show(mirror, h("span", {}, value.slice(0, start)), h("mark", {}, value.slice(start, end) || " "), h("span", {}, `${value.slice(end)} `));
    }
    area.style.height = "auto";
    area.style.height = `${Math.max(84, area.scrollHeight + 2)}px`;
  }

  function close() {
    turn += 1;
    list.hidden = true;
    options = [];
    at = -1;
    area.removeAttribute("aria-activedescendant");
  }

  // Where a character stands on the screen: the mirror has the same text in the same place.
  function placed(position) {
    const ruler = h("span", {}, "\u200b");
    const before = document.createTextNode(area.value.slice(0, position));
    const copy = h("div", { class: "mirror measuring" }, before, ruler, area.value.slice(position));
    box.append(copy);
    const [to, from] = [ruler.getBoundingClientRect(), box.getBoundingClientRect()];
    copy.remove();
    return { x: to.left - from.left, y: to.bottom - from.top };
  }

  function mark(next) {
    at = options.length ? (next + options.length) % options.length : -1;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    if (at >= 0) {
      area.setAttribute("aria-activedescendant", `${id}-option-${at}`);
      list.children[at].scrollIntoView({ block: "nearest" });
    } else area.removeAttribute("aria-activedescendant");
  }

  function take(option) {
    const [start, end] = span;
    const after = area.value.slice(end);
    const glue = /[:.([]$/.test(option.text) || after.startsWith(" ") ? "" : " ";
    area.setRangeText(option.text + glue, start, end, "end");
    marked = null;
    paint();
    close();
    area.focus();
    ask();
  }

  async function ask() {
    turn += 1;
    const mine = turn;
    const cursor = area.selectionStart;
    if (cursor !== area.selectionEnd) return;
    const found = await post("/api/complete", { text: area.value, cursor }).catch(() => null);
    if (mine !== turn || !found || document.activeElement !== area) return;
    const typed = area.value.slice(found.start, found.end);
    options = found.options.filter((option) => option.text !== typed);
    span = [found.start, found.end];
    if (!options.length) {
      close();
      return;
    }
    show(
      list,
      options.map((option, i) =>
        h(
          "li",
          { role: "option", id: `${id}-option-${i}`, "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => take(option) },
          h("code", {}, option.text),
          h("span", { class: "quiet" }, option.meaning || option.kind),
        ),
      ),
    );
    const { x, y } = placed(found.start);
    list.style.left = `${Math.max(0, Math.min(x - 8, box.clientWidth - 320))}px`;
    list.style.top = `${y + 4}px`;
    list.hidden = false;
    list.scrollTop = 0;
    say(`${options.length} suggestions`);
    mark(typed ? 0 : -1);
  }

  area.addEventListener("input", () => {
    marked = null;
    area.removeAttribute("aria-invalid");
    paint();
    clearTimeout(timer);
    timer = setTimeout(ask, 80);
  });
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    const opened = !list.hidden;
    if (event.key === "ArrowDown" && (opened || event.ctrlKey)) {
      event.preventDefault();
      if (opened) mark(at + 1);
      else ask();
    } else if (event.key === "ArrowUp" && opened) {
      event.preventDefault();
      mark(at < 0 ? options.length - 1 : at - 1);
    } else if (event.key === "Escape" && opened) {
      event.preventDefault();
      close();
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      ask();
    } else if (event.key === "Tab" && opened && at >= 0 && !event.shiftKey) {
      event.preventDefault();
      take(options[at]);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      clearTimeout(timer);
      if (opened && at >= 0 && !event.ctrlKey && !event.metaKey) take(options[at]);
      else {
        close();
        run(area.value);
      }
    }
  });
  requestAnimationFrame(paint);

  return {
    box,
    area,
    // Mark a mistake; null takes the mark away.
    mistake(span) {
      marked = span;
      if (span) {
        area.setAttribute("aria-invalid", "true");
        area.setSelectionRange(span.start, span.start);
      } else area.removeAttribute("aria-invalid");
      paint();
    },
    set(value) {
      area.value = value;
      marked = null;
      paint();
    },
  };
}

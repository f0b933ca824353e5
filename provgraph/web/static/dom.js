// Elements made from data. Text becomes text nodes; nothing is ever parsed as markup.

export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

export function show(place, ...children) {
  place.replaceChildren(...children.flat(3).filter(Boolean));
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(Boolean));
  return element;
}

// Line icons on a grid of 16, drawn with the colour of the text around them.
const ICONS = {
  table: "M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 6.5v6",
  cube: "M8 1.8l5.4 3.1v6.2L8 14.2l-5.4-3.1V4.9zM2.6 4.9L8 8l5.4-3.1M8 8v6.2",
  code: "M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5",
  page: "M4 1.8h5.2L12.5 5v9.2H4zM9 2v3.2h3.4M6 8.5h4.5M6 11h4.5",
  play: "M4.5 3v10l8-5z",
  terminal: "M2 3h12v10H2zM4.5 6l2 2-2 2M8.5 10.2h3",
  branch: "M5 3.5v9M5 9c0-2.5 6-1.5 6-4.5M5 3.5a1.2 1.2 0 1 0 0-.01M11 4a1.2 1.2 0 1 0 0-.01M5 13a1.2 1.2 0 1 0 0-.01",
  person: "M8 7.5a2.7 2.7 0 1 0 0-.01M3 14c.6-3 2.5-4.2 5-4.2s4.4 1.2 5 4.2",
  box: "M2.5 5L8 2.5 13.5 5v6L8 13.5 2.5 11zM2.5 5L8 7.5 13.5 5",
  stack: "M3.5 5.5h9v8h-9zM5 3.5h6M6 1.7h4",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8L13 13M13 3l-1.2 1.2M4.2 11.8L3 13",
  moon: "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3L14 14",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  tidy: "M2 4h4v3H2zM10 2h4v3h-4zM10 7h4v3h-4zM6 5.5h2V3.5h2M8 5.5v3h2",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  graph: "M4 8h3l2-4h3M7 8l2 4h3M2 6.5h2v3H2zM12 2.5h2v3h-2zM12 10.5h2v3h-2z",
  save: "M8 2v8M4.8 7L8 10.2 11.2 7M2.5 13.5h11",
  undo: "M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M3 6.5L6 3.5M3 6.5L6 9.5",
  pin: "M5.5 2h5L9.7 7l2.3 2.5H4L6.3 7zM8 9.5V14",
  hide: "M2 8c2-3 4-4 6-4s4 1 6 4c-2 3-4 4-6 4s-4-1-6-4zM3 13L13 3",
  open: "M6.5 3.5H3v9.5h9.5V9.5M9 2.5h4.5V7M13.5 2.5L7.5 8.5",
  warn: "M8 2L14.5 13.5h-13zM8 6.5v3.5M8 11.8v.01",
  check: "M3 8.5l3.2 3.2L13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.7V8l2.3 1.6",
  down: "M4 6l4 4 4-4",
  flag: "M4 14V2.5M4 3h8.5l-2 3 2 3H4",
  compare: "M2 3h5v10H2zM9 3h5v10H9z",
};

export const PATHS = ICONS;

export function icon(name, size = 16) {
  return svg(
    "svg",
    { viewBox: "0 0 16 16", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": 1.4, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: "icon" },
    svg("path", { d: ICONS[name] ?? ICONS.box }),
  );
}

export function say(text) {
  const live = document.getElementById("live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

export function busy(text = "Loading…") {
  return h("p", { class: "quiet waiting", role: "status" }, text);
}

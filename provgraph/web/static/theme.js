// Light, dark, or as the system has it.

import { icon } from "./dom.js";

const listeners = new Set();
const dark = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// The colours where an element stands, by their names.
export function colours(place = document.documentElement) {
  const style = getComputedStyle(place);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function tell() {
  for (const listener of listeners) listener();
}

export function begin(button) {
  const kept = remembered();
  if (kept) document.documentElement.dataset.theme = kept;
  const draw = () => {
    const next = isDark() ? "light" : "dark";
    button.replaceChildren(icon(isDark() ? "sun" : "moon", 18));
    button.setAttribute("aria-label", `Use ${next} colours`);
    button.title = `Use ${next} colours`;
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remember(document.documentElement.dataset.theme);
    draw();
    tell();
  });
  dark.addEventListener("change", () => {
    draw();
    tell();
  });
  draw();
}

function remembered() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // a browser that keeps nothing still shows the page
  }
}


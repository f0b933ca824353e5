// How values read to a person.

export function count(number, noun, plural) {
  const word = number === 1 ? noun : (plural ?? `${noun}s`);
  return `${number.toLocaleString("en")} ${word}`;
}

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  for (const unit of units) {
    value /= 1000;
    if (value < 999.5 || unit === "PB") return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return "";
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
}

const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const WEEKDAY = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function moment(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  return `${DAY.format(at)}, ${CLOCK.format(at)}`;
}

export function clock(iso) {
  return iso ? CLOCK.format(new Date(iso)) : "";
}

export function day(iso) {
  return iso ? WEEKDAY.format(new Date(iso)) : "";
}

export function dayOnly(text) {
  return DAY.format(new Date(`${text}T12:00:00`));
}

export function ago(iso) {
  if (!iso) return "";
  const seconds = (Date.now() - new Date(iso)) / 1000;
  if (seconds < 60) return "just now";
  for (const [limit, unit, name] of [[3600, 60, "minute"], [86400, 3600, "hour"], [86400 * 14, 86400, "day"]]) {
    if (seconds < limit) return `${count(Math.floor(seconds / unit), name)} ago`;
  }
  return DAY.format(new Date(iso));
}

export function digest(tagged) {
  return tagged ? tagged.split(":").pop().slice(0, 10) : "";
}

// A value of the vocabulary's type, as a person reads it.
export function value(type, held) {
  if (held === null || held === undefined) return "";
  if (type === "time") return moment(held);
  if (type === "duration") return duration(held);
  if (type === "size") return size(held);
  if (typeof held === "boolean") return held ? "yes" : "no";
  if (Array.isArray(held)) return held.join(", ");
  if (typeof held === "number" && !Number.isInteger(held)) return String(Number(held.toPrecision(6)));
  return String(held);
}

// Keeps the beginning and the end of a name, where the difference usually is.
export function shortened(text, fits) {
  if (fits(text)) return text;
  let low = 1;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fits(cut(text, middle))) low = middle;
    else high = middle - 1;
  }
  return cut(text, low);
}

function cut(text, kept) {
  const tail = Math.floor(kept * 0.4);
  return `${text.slice(0, kept - tail)}…${tail ? text.slice(-tail) : ""}`;
}

// The small pictures on the cards: an icon and the kind in a word, drawn once for each.

import { PATHS } from "../dom.js";

const SCALE = 3;
const kept = new Map();

export function forget() {
  kept.clear();
}

// An icon with a word beside it, as the address of an image; `width` is in the page's pixels.
export function tag(icon, word, colour, muted) {
  const name = `${icon} ${word} ${colour} ${muted}`;
  if (!kept.has(name)) kept.set(name, drawn(icon, word, colour, muted));
  return kept.get(name);
}

export const TAG = { width: 150, height: 16 };

function drawn(icon, word, colour, muted) {
  const canvas = document.createElement("canvas");
  canvas.width = TAG.width * SCALE;
  canvas.height = TAG.height * SCALE;
  const pen = canvas.getContext("2d");
  pen.scale(SCALE, SCALE);
  pen.save();
  pen.translate(0, 1.2);
  pen.scale(0.85, 0.85);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.lineCap = pen.lineJoin = "round";
  pen.stroke(new Path2D(PATHS[icon] ?? PATHS.box));
  pen.restore();
  pen.font = '500 10.5px "Inter", system-ui, sans-serif';
  pen.textBaseline = "middle";
  const [kind, ...rest] = word.split(" · ");
  pen.fillStyle = colour;
  pen.fillText(kind, 19, 8.5);
  if (rest.length) {
    const width = pen.measureText(kind).width;
    pen.fillStyle = muted;
    pen.font = '400 10.5px "Inter", system-ui, sans-serif';
    pen.fillText(`  ${rest.join(" · ")}`, 19 + width, 8.5);
  }
  return canvas.toDataURL("image/png");
}

const ruler = document.createElement("canvas").getContext("2d");

export function fits(text, width) {
  ruler.font = '600 12.5px "Inter", system-ui, sans-serif';
  return ruler.measureText(text).width <= width;
}

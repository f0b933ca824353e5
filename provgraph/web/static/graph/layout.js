// The worker that places cards: one question at a time counts, the newest.

let worker = null;
let last = 0;
const waiting = new Map();

// Begun early, so that it has read its library when the first picture is to be placed.
export function begin() {
  if (worker) return;
  worker = new Worker("/static/graph/layout-worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    waiting.get(data.number)?.done(data);
    waiting.delete(data.number);
  };
  worker.onerror = (event) => {
    for (const { failed } of waiting.values()) failed(new Error(event.message ?? "the layout failed"));
    waiting.clear();
    worker = null;
  };
}

export function place(nodes, edges) {
  begin();
  last += 1;
  const number = last;
  return new Promise((done, failed) => {
    waiting.set(number, { done, failed });
    worker.postMessage({ number, nodes, edges });
  });
}

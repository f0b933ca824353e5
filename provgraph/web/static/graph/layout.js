// The worker that places cards: one question at a time counts, the newest.

let worker = null;
let last = 0;
const waiting = new Map();

export function place(nodes, edges) {
  if (!worker) {
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
  last += 1;
  const number = last;
  return new Promise((done, failed) => {
    waiting.set(number, { done, failed });
    worker.postMessage({ number, nodes, edges });
  });
}

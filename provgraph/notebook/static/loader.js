// Shows the still picture, then brings the modules that draw from the kernel, once a page, and lets
// them draw in its place. Where there is no kernel the still picture stays.

const pages = (globalThis.provgraphModules ??= new Map());

function asker(model) {
  const waiting = new Map();
  let last = 0;
  const told = (message) => {
    const { number, answer, error } = message;
    const { done, failed } = waiting.get(number) ?? {};
    waiting.delete(number);
    if (error) failed?.(Object.assign(new Error(error.message), error));
    else done?.(answer);
  };
  model.on("msg:custom", told);
  const ask = (what, given) =>
    new Promise((done, failed) => {
      last += 1;
      waiting.set(last, { done, failed });
      model.send({ number: last, what, given });
    });
  return { ask, end: () => model.off("msg:custom", told) };
}

// Each module gets an address of its own; those that it names have theirs by then.
async function linked(modules) {
  const addresses = new Map();
  let last = "";
  for (const [name, text] of modules) {
    const whole = text.replace(/"provgraph:([^"]+)"/g, (_, other) => JSON.stringify(addresses.get(other)));
    last = URL.createObjectURL(new Blob([whole], { type: "text/javascript" }));
    addresses.set(name, last);
  }
  return import(/* webpackIgnore: true */ last);
}

async function render({ model, el }) {
  const { ask, end } = asker(model);
  const still = document.createElement("img");
  still.src = model.get("still");
  still.alt = "Lineage";
  still.style.maxWidth = "100%";
  el.append(still);
  const version = model.get("version");
  if (!pages.has(version)) pages.set(version, ask("modules").then(linked));
  let closed = false;
  let close = () => {};
  pages.get(version).then(
    async ({ open }) => {
      if (closed) return;
      const place = document.createElement("div");
      el.append(place);
      close = await open(place, { ids: model.get("ids"), table: model.get("table"), ask });
      still.remove();
      if (closed) close();
    },
    () => pages.delete(version),
  );
  return () => {
    closed = true;
    end();
    close();
  };
}

export default { render };

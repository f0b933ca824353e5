// What a node is: its word, its family, and how the family looks.

export const FAMILIES = {
  data: { shape: "round-rectangle", icon: "table", word: "data" },
  model: { shape: "hexagon", icon: "cube", word: "models" },
  code: { shape: "cut-rectangle", icon: "code", word: "code" },
  result: { shape: "bottom-round-rectangle", icon: "page", word: "reports and results" },
  step: { shape: "pill", icon: "play", word: "steps" },
  context: { shape: "rectangle", icon: "box", word: "others" },
};

const KINDS = {
  dataset: ["data", "table"],
  model: ["model", "cube"],
  script: ["code", "code"],
  source: ["code", "code"],
  notebook: ["code", "code"],
  config: ["code", "list"],
  report: ["result", "page"],
  document: ["result", "page"],
  figure: ["result", "page"],
  metrics: ["result", "page"],
  prediction: ["result", "table"],
  step: ["step", "play"],
  run: ["step", "terminal"],
  commit: ["context", "branch"],
  agent: ["context", "person"],
  environment: ["context", "box"],
};

export function familyOf(card) {
  if (card.label === "Step" || card.label === "Run") return "step";
  const found = KINDS[card.kind];
  if (found) return found[0];
  return card.label === "Version" || card.label === "Artifact" ? "data" : "context";
}

export function iconOf(card) {
  if (card.label === "Step") return "play";
  return KINDS[card.kind]?.[1] ?? FAMILIES[familyOf(card)].icon;
}

export function wordOf(card) {
  if (card.unseen) return "not seen";
  if (card.label === "Step") return card.phase ? `step, part ${card.phase + 1}` : "step";
  return card.kind === "other" ? "file" : card.kind;
}

const STATES = {
  external: "from outside",
  unknown: "content not known",
  superseded: "replaced since",
  deleted: "deleted since",
  erased: "erased",
};

// What is to be known of its state, in words; nothing where it is as one would think.
export function stateOf(card) {
  if (card.flagged) return "flagged";
  if (card.stale) return "stale";
  if (card.label === "Step" || card.label === "Run") {
    if (card.signal) return `ended by ${card.signal}`;
    if (card.exit) return `failed with ${card.exit}`;
    return "";
  }
  if (card.state === "external" && card.commits) return ""; // it came with a commit: nothing to wonder at
  return STATES[card.state] ?? "";
}

export function isFromOutside(card) {
  return card.state === "external" && !card.commits;
}

const RELATIONS = {
  GENERATED_BY: "made",
  USED: "read by",
  EXECUTED: "executed by",
  INFORMED_BY: "before",
  DERIVED_FROM: "became",
};

// An edge in the direction of the data: "raw.csv read by train.py".
export function relationOf(link) {
  if (link.type === "INFORMED_BY") return link.word === "pipe" ? "piped to" : link.word === "continuation" ? "went on as" : "before";
  if (link.type === "DERIVED_FROM" && link.word) return `${link.word} to`;
  return RELATIONS[link.type] ?? link.type.toLowerCase();
}

const PLURALS = { USED: ["input", "inputs"], GENERATED_BY: ["output", "outputs"], EXECUTED: ["script", "scripts"] };

// A fold in words: "400 datasets", "3,000 steps".
export function foldWord(fold) {
  const number = fold.count.toLocaleString("en");
  if (fold.key === "*") return `${number} more`;
  if (fold.kind && fold.kind !== "other") return `${number} ${fold.kind}${fold.kind.endsWith("s") ? "" : "s"}`;
  if (fold.toward === "origin" && PLURALS[fold.type]) return `${number} ${PLURALS[fold.type][1]}`;
  return `${number} ${fold.type === "GENERATED_BY" ? "outputs" : "files"}`;
}

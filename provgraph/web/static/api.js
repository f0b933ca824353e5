// Questions to the server. Every failure is a `Failed` with words for a person.

export class Failed extends Error {
  constructor(status, error) {
    super(error.message);
    Object.assign(this, { status, kind: error.kind, hint: error.hint, start: error.start, end: error.end, line: error.line, column: error.column });
  }
}

let word = "";
const listeners = new Set();

// Calls back with true when the server is reached (again), with a `Failed` when it or its store is not.
export function onReach(listener) {
  listeners.add(listener);
}

function tell(state) {
  for (const listener of listeners) listener(state);
}

export async function session() {
  const found = await call("GET", "/api/session");
  word = found.csrf;
  return found;
}

export async function signIn(token) {
  const found = await call("POST", "/api/session", { token });
  word = found.csrf;
  return found;
}

export function get(path, query = {}) {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null)).toString();
  return call("GET", text ? `${path}?${text}` : path);
}

export async function post(path, body, signal) {
  try {
    return await call("POST", path, body, signal);
  } catch (failed) {
    if (failed.status !== 403) throw failed;
    await session(); // the server was started anew and has another word
    return call("POST", path, body, signal);
  }
}

export function unreachable() {
  const failed = new Failed(0, { kind: "unreachable", message: "The explorer does not answer.", hint: "Is `provgraph ui` still running?" });
  tell(failed);
  return failed;
}

export const node = (id, rest = "") => `/api/nodes/${encodeURIComponent(id)}${rest}`;

async function call(method, path, body, signal) {
  const headers = { accept: "application/json" };
  if (body !== undefined) Object.assign(headers, { "content-type": "application/json", "x-csrf-token": word });
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", signal });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw unreachable();
  }
  const found = await response.json().catch(() => ({}));
  if (response.ok) {
    tell(true);
    return found;
  }
  const failed = new Failed(response.status, found.error ?? { kind: "http", message: `The server answered ${response.status}.` });
  if (response.status >= 500) tell(failed);
  throw failed;
}

// The HTTP interface, as the server describes it.

import { get } from "../api.js";
import { h, show } from "../dom.js";

export async function open(main, _, current) {
  const found = await get("/openapi.json");
  if (!current()) return;
  const calls = Object.entries(found.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, call]) => ({ path, method, call })));
  show(
    main,
    h(
      "div",
      { class: "page" },
      h("h1", {}, "HTTP interface"),
      h("p", { class: "lead quiet" }, found.info.summary),
      h("p", {}, "Described in OpenAPI ", found.openapi, " at ", h("a", { href: "/openapi.json" }, "/openapi.json"), ". Calls that are no GET carry the header ", h("code", {}, "x-csrf-token"), " with what ", h("code", {}, "GET /api/session"), " tells, or ", h("code", {}, "Authorization: Bearer"), " with the token."),
      calls.map(({ path, method, call }) => one(path, method, call, found.components.schemas)),
    ),
  );
}

function one(path, method, call, schemas) {
  const body = call.requestBody?.content?.["application/json"]?.schema;
  const answer = call.responses?.["200"]?.content?.["application/json"]?.schema;
  return h(
    "section",
    { class: "part call" },
    h("h2", {}, h("span", { class: `method ${method}` }, method.toUpperCase()), " ", h("code", {}, path)),
    h("p", {}, call.description ?? call.summary),
    call.parameters?.length > 0 && h("dl", { class: "values" }, call.parameters.map((given) => h("div", {}, h("dt", {}, given.name), h("dd", {}, `${typeOf(given.schema)}${given.required ? "" : ", may be left out"}`)))),
    body && h("details", {}, h("summary", {}, `Takes ${typeOf(body)}`), fields(body, schemas)),
    answer && h("details", {}, h("summary", {}, `Answers ${typeOf(answer)}`), fields(answer, schemas)),
  );
}

function typeOf(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf ?? schema.oneOf) return (schema.anyOf ?? schema.oneOf).map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.type ?? "anything";
}

function fields(schema, schemas) {
  const names = schema.$ref ? [typeOf(schema)] : (schema.oneOf ?? []).map(typeOf);
  return names.map((name) => h("div", { class: "schema" }, h("p", { class: "quiet" }, schemas[name]?.description ?? name), h("dl", { class: "values" }, Object.entries(schemas[name]?.properties ?? {}).map(([field, type]) => h("div", {}, h("dt", { class: "mono" }, field), h("dd", {}, typeOf(type)))))));
}

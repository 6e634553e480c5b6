// Searching and trying. The token stays in its input; nothing of it is stored.
"use strict";

const MOST = 65536; // characters of an answer that are shown
const tools = document.getElementById("tools");
const search = document.getElementById("search");
const token = document.getElementById("token");
let description; // the promise of the OpenAPI document, once it is wanted

tools.hidden = false;
tools.addEventListener("submit", (event) => event.preventDefault());
search.addEventListener("input", filter);
addEventListener("hashchange", reveal);
for (const details of document.querySelectorAll("details.operation")) {
  details.addEventListener("toggle", () => details.open && offer(details));
}
reveal();

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const noun of document.querySelectorAll("section.noun")) {
    let shown = 0;
    for (const details of noun.querySelectorAll("details.operation")) {
      const text = `${noun.id} ${details.dataset.operation} ${details.firstElementChild.textContent}`.toLowerCase();
      details.hidden = !words.every((word) => text.includes(word));
      shown += !details.hidden;
    }
    noun.hidden = !shown;
  }
}

function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.closest("details");
  if (details && !details.open) {
    details.open = true;
    target.scrollIntoView();
  }
}

async function offer(details) {
  if (details.querySelector(".try")) return;
  const form = make("form", { className: "try" });
  details.lastElementChild.append(form);
  description ??= fetch("/api/openapi.json").then((answer) => answer.json());
  const { verb, path } = details.dataset;
  const operation = (await description).paths[path][verb];
  const fields = [];
  for (const parameter of operation.parameters ?? []) {
    const input = make("input", { name: parameter.name, required: parameter.required, autocomplete: "off" });
    const flag = (parameter.description ?? "").includes("flag by presence");
    if (flag) input.type = "checkbox";
    form.append(make("label", {}, parameter.name, input));
    fields.push({ parameter, input, flag });
  }
  const body = operation.requestBody && make("textarea", { spellcheck: false });
  if (body) {
    const content = operation.requestBody.content["application/json"];
    if (content) body.value = JSON.stringify(example(content.schema, await description, 0), null, 2);
    form.append(make("label", {}, "body", body));
  }
  const stop = make("button", { type: "button", disabled: true }, "Stop");
  const output = make("pre", { className: "answer", hidden: true });
  form.append(make("button", { type: "submit" }, `Send ${verb.toUpperCase()}`), " ", stop, output);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(verb, address(path, fields), fields, body, output, stop);
  });
}

function address(path, fields) {
  const query = new URLSearchParams();
  for (const { parameter, input, flag } of fields) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === "query" && flag && input.checked) query.append(parameter.name, "");
    else if (parameter.in === "query" && !flag && input.value) {
      const several = parameter.schema.type === "array" ? input.value.split(",") : [input.value];
      for (const one of several) query.append(parameter.name, one.trim());
    }
  }
  return query.size ? `${path}?${query}` : path;
}

async function send(verb, url, fields, body, output, stop) {
  const control = new AbortController();
  const headers = { Accept: "*/*" };
  if (token.value) headers.Authorization = `token ${token.value.trim()}`;
  for (const { parameter, input } of fields) {
    if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
  }
  if (body) headers["Content-Type"] = "application/json";
  stop.disabled = false;
  stop.onclick = () => control.abort();
  output.hidden = false;
  output.textContent = `${verb.toUpperCase()} ${url} …`;
  try {
    const answer = await fetch(url, {
      method: verb.toUpperCase(), headers, body: body ? body.value : undefined,
      signal: control.signal, credentials: "omit", cache: "no-store",
    });
    const cursor = answer.headers.get("X-Agola-Cursor");
    output.textContent = `${answer.status} ${answer.statusText}\n`;
    if (cursor) output.textContent += `X-Agola-Cursor: ${cursor}\n`;
    output.textContent += "\n";
    await show(answer, output);
  } catch (error) {
    output.textContent += control.signal.aborted ? "\n(stopped)" : `\n${error}`;
  }
  stop.disabled = true;
}

async function show(answer, output) {
  const isJson = (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
  if (isJson) {
    const text = await answer.text();
    try {
      output.textContent += text ? JSON.stringify(JSON.parse(text), null, 2).slice(0, MOST) : "";
    } catch {
      output.textContent += text.slice(0, MOST);
    }
    return;
  }
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    output.textContent = (output.textContent + value).slice(0, MOST);
    if (output.textContent.length >= MOST) return reader.cancel();
  }
}

// A body to begin with: each field with its default, or something of its type.
function example(schema, whole, depth) {
  if (schema.$ref) return example(whole.components.schemas[schema.$ref.split("/").pop()], whole, depth);
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf) return example(schema.anyOf[0], whole, depth);
  if (schema.enum) return schema.enum[0];
  if (schema.type === "object" && schema.properties && depth < 4) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, field]) => [name, example(field, whole, depth + 1)]),
    );
  }
  return { object: {}, array: [], string: "", integer: 0, number: 0, boolean: false }[schema.type] ?? null;
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

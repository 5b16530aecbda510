"use strict";

const MOST_LINES = 500;
const MARKET = new Set(["tick", "quote", "candle"]);
const MONEY = new Set(["position", "orderResult", "account", "accountStatus", "positions", "snapshot"]);
const CLOSES = {
  1000: "closed",
  1001: "the gateway goes away",
  1006: "no connection: the key was refused, or the gateway cannot be reached",
  1009: "the message was too large",
  1012: "the gateway is restarting",
  4401: "the API key is no longer valid",
  4408: "the socket was read too slowly",
};
const at = (id) => document.getElementById(id);

/** Make an element with text or children; text never becomes markup. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Return a description with its `code` as elements. */
function prose(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

// -- the document -----------------------------------------------------------------------------------------------------

function resolved(contract, node) {
  let found = node;
  while (found && found.$ref) {
    const steps = found.$ref.slice(2).split("/").map((one) => one.replace(/~1/g, "/").replace(/~0/g, "~"));
    found = steps.reduce((inner, step) => inner && inner[step], contract);
  }
  return found || {};
}

/** Return the fields of a schema with what its parts say. */
function fieldsOf(contract, node) {
  const schema = resolved(contract, node);
  const fields = new Map();
  const required = new Set(schema.required || []);
  for (const part of schema.allOf || []) {
    const inner = fieldsOf(contract, part);
    for (const [name, field] of inner.fields) fields.set(name, field);
    for (const name of inner.required) required.add(name);
  }
  for (const [name, field] of Object.entries(schema.properties || {})) fields.set(name, resolved(contract, field));
  return { fields, required };
}

function typeOf(contract, field) {
  if (field.enum) return field.enum.length === 1 ? JSON.stringify(field.enum[0]) : field.enum.join(" | ");
  if (field.type === "array") return `${typeOf(contract, resolved(contract, field.items || {}))}[]`;
  return (field.type || (field.allOf || field.properties ? "object" : "any")) + (field.nullable ? " | null" : "");
}

function fieldTable(contract, schema) {
  const { fields, required } = fieldsOf(contract, schema);
  const rows = [...fields].map(([name, field]) =>
    element("tr", {},
      element("td", required.has(name) ? { class: "must" } : {}, name),
      element("td", {}, element("span", { class: "type" }, typeOf(contract, field)), ...prose(field.description))));
  return element("table", { class: "fields" }, element("tbody", {}, ...rows));
}

function messageCard(contract, message) {
  const schema = message.payload && message.payload.schema ? message.payload.schema : message.payload;
  const inside = element("div", { class: "inside" }, fieldTable(contract, schema));
  for (const example of message.examples || []) {
    inside.append(element("pre", {}, element("code", {}, JSON.stringify(example.payload, null, 2))));
  }
  return element("details", {},
    element("summary", {}, element("span", { class: "name" }, message.name), element("span", { class: "what" }, ...prose(message.summary))),
    inside);
}

function show(contract) {
  at("title").textContent = contract.info.title;
  at("description").replaceChildren(...prose(contract.info.description));
  const seen = new Set();
  const groups = new Map([["You send", []], ["You receive", []]]);
  const put = (group, reference) => {
    const message = resolved(contract, reference);
    if (seen.has(message.name)) return;
    seen.add(message.name);
    groups.get(group).push(message);
  };
  for (const operation of Object.values(contract.operations)) {
    for (const one of operation.messages) put(operation.action === "receive" ? "You send" : "You receive", one);
  }
  for (const operation of Object.values(contract.operations)) {
    for (const one of (operation.reply || {}).messages || []) put("You receive", one);
  }
  for (const [title, messages] of groups) {
    at("messages").append(element("h3", {}, title), ...messages.map((one) => messageCard(contract, one)));
  }
  for (const message of groups.get("You send")) {
    const [example] = message.examples || [];
    if (!example) continue;
    const button = element("button", { type: "button" }, message.name);
    button.addEventListener("click", () => { at("text").value = JSON.stringify(example.payload); });
    at("examples").append(button);
  }
}

// -- the console ------------------------------------------------------------------------------------------------------

let socket = null;
let held = [];

function say(state, text) {
  at("dot").className = `dot ${state}`;
  at("state").textContent = text;
  const isOpen = state === "open";
  at("send").disabled = !isOpen;
  at("connect").textContent = isOpen || state === "trying" ? "Disconnect" : "Connect";
}

function line(style, arrow, kind, text) {
  const now = new Date();
  const time = `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, "0")}`;
  const made = element("li", { class: style },
    element("time", {}, time), element("span", {}, arrow),
    element("span", {}, element("span", { class: "kind" }, kind), ` ${text}`));
  if (at("paused").checked) {
    held.push(made);
    if (held.length > MOST_LINES) held.shift();
  } else put([made]);
}

function put(lines) {
  const log = at("log");
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(...lines);
  while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function received(data) {
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    line("bad", "↓", "not JSON", String(data));
    return;
  }
  const { type, ...rest } = message;
  const style = type === "error" ? "bad" : MARKET.has(type) ? "market" : MONEY.has(type) ? "money" : "answer";
  line(style, "↓", type, JSON.stringify(rest));
}

function connect(key) {
  const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${window.location.host}/ws?api_key=${encodeURIComponent(key)}`);
  socket = opened;
  say("trying", "Connecting …");
  opened.addEventListener("open", () => say("open", "Connected. Send a message, or wait for account events."));
  opened.addEventListener("message", (event) => received(event.data));
  opened.addEventListener("close", (event) => {
    if (socket !== opened) return;
    socket = null;
    const why = CLOSES[event.code] || event.reason || "closed";
    say("closed", `Closed with ${event.code}: ${why}.`);
    line("bad", "×", "closed", `${event.code} ${why}`);
  });
}

at("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket) {
    socket.close(1000);
    return;
  }
  const key = at("key").value.trim();
  if (key) connect(key);
  else at("key").focus();
});

at("sending").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  const text = at("text").value;
  socket.send(text);
  let kind = "sent";
  try {
    kind = JSON.parse(text).type || kind;
  } catch { /* the gateway will say what is wrong with it */ }
  line("sent", "↑", kind, text);
});

at("paused").addEventListener("change", () => {
  if (at("paused").checked) return;
  put(held);
  held = [];
});
at("hide").addEventListener("change", () => at("log").classList.toggle("calm", at("hide").checked));
at("clear").addEventListener("click", () => { at("log").replaceChildren(); held = []; });

fetch("/asyncapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`HTTP ${answer.status}`))))
  .then(show)
  .catch((error) => { at("description").textContent = `The document cannot be read: ${error.message}`; });

// The page: asks the daemon every few seconds, follows its log, and draws what it says.

import { figures } from "./charts.js";
import { ago, clock, counted, element, keepAges, show, since, sizeText } from "./elements.js";

const ASK_SECONDS = 3;
const LOG_LINES = 300;
const LEVELS = { debug: 0, info: 1, warning: 2, error: 3 };

const byId = (id) => document.getElementById(id);

const state = { overview: null, agent: null, samples: [], drawn: {}, facts: [], isHeld: false, ready: {} };

// ---------------------------------------------------------------- asking

async function ask(path, values) {
  const options = { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(15000) };
  if (values !== undefined) {
    Object.assign(options, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(values),
    });
  }
  const answer = await fetch(path, options);
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.detail), { status: answer.status });
  return told;
}

async function refresh() {
  try {
    state.overview = await ask("/page/overview");
    byId("main").hidden = false;
    const agents = state.overview.agents;
    const wanted = decodeURIComponent(location.hash.slice(1));
    const agent = agents.find((each) => each.name === wanted) ?? agents[0];
    if (agent.name !== state.agent) {
      state.agent = agent.name;
      state.samples = [];
    }
    const of = `/page/agents/${encodeURIComponent(agent.name)}`;
    const newest = state.samples.at(-1)?.[0] ?? 0;
    const [taken, told] = await Promise.all([ask(`${of}/samples?after=${newest}`), ask(`${of}/conversations`)]);
    state.samples = [...state.samples, ...taken.samples].slice(-720);
    draw(agent, told.conversations);
    tellConnection("up to date", false);
    follow();
  } catch (error) {
    if (error.status === 401) tellConnection("wants the token", false, askForToken());
    else tellConnection("no answer from the daemon, asking again", true);
  }
}

function tellConnection(words, isStale) {
  document.body.classList.toggle("stale", isStale);
  const place = byId("connection");
  if (place.textContent !== words) place.textContent = words;
}

async function act(verb, values, words) {
  try {
    const { done } = await ask(`/page/agents/${encodeURIComponent(state.agent)}/${verb}`, values);
    tell(done ? words : "There was nothing to be done: it has changed meanwhile.");
  } catch (error) {
    tell(`That was not done: ${error.message}.`);
    if (error.status === 401) askForToken();
  }
  await refresh();
}

/** To whoever does not see it. */
function tell(words) {
  byId("news").textContent = words;
}

// ---------------------------------------------------------------- drawing

/** Draws a part only when what it shows has changed, so that nothing moves under a finger or a reader. */
function part(name, shown, make) {
  const text = JSON.stringify(shown);
  if (state.drawn[name] === text) return;
  state.drawn[name] = text;
  show(byId(name), make());
}

function draw(agent, conversations) {
  const { overview } = state;
  const may = overview.signed_in ? overview.verbs : [];
  const button = byId("session");
  button.hidden = !overview.has_token;
  byId("agents-section").hidden = overview.agents.length === 1;
  button.textContent = overview.signed_in ? "Sign out" : "Sign in to act";
  document.title = `${agent.ready ? "" : "! "}${agent.name} – mycel-runtime`;

  part("agents", [overview.agents, agent.name], () => overview.agents.map((each) => agentRow(each, each === agent)));
  part("headline", [agent.name, agent.ready, agent.ended, agent.problems, agent.paused, may], () => headline(agent, may));
  part("vitals", [agent.hearing, agent.speaking, agent.work, agent.started_at, sizeText(agent.journal_bytes)], () => vitals(agent));
  part("attention", [agent, may], () => attention(agent, may));
  part("plugins", [agent.plugins, agent.paused, may], () => agent.plugins.map((each) => plugin(each, agent, may)));
  part("charts", state.samples, () => figures(state.samples));
  part("letters", [agent.dead_letters, agent.work.dead_letters, may], () => letters(agent, may));
  part("sends", [agent.sends, agent.sends_total, may], () => sends(agent, may));
  part("conversations", [conversations, agent.paused, may], () => conversations.map((each) => conversation(each, agent, may)).concat(nothing(conversations, "No turn has ended yet.")));
  keepAges();

  for (const each of overview.agents) {
    const before = state.ready[each.name];
    if (before !== undefined && before !== each.ready) tell(`${each.name} is ${each.ready ? "ready again" : `not ready: ${each.problems[0] ?? ""}`}.`);
    state.ready[each.name] = each.ready;
  }
}

function agentRow(agent, isChosen) {
  const choose = () => {
    location.hash = encodeURIComponent(agent.name);
    byId("agent-title").focus();
  };
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("button", { type: "button", class: "plain", "aria-current": isChosen && "true", "data-key": `agent ${agent.name}`, click: choose }, agent.name)),
    element("td", {}, standing(agent)),
    element("td", {}, ago(agent.speaking.sent_at, "–")),
    element("td", { class: "number" }, String(agent.work.due + agent.work.running)),
    element("td", { class: `number ${agent.work.dead_letters ? "bad" : ""}` }, String(agent.work.dead_letters)),
    element("td", { class: `number ${agent.speaking.unknown ? "bad" : ""}` }, String(agent.speaking.unknown)),
  );
}

function standing(agent) {
  if (agent.ended) return element("span", { class: "state bad" }, "ended");
  if (agent.ready) return element("span", { class: "state fine" }, "hears");
  const isPolled = agent.hearing.trouble?.polled || agent.hearing.connected;
  return element("span", { class: `state ${isPolled ? "warn" : "bad"}` }, isPolled ? "hears in part" : "does not hear");
}

function headline(agent, may) {
  const words = agent.ready ? "Hearing is proven, and it may speak." : agent.problems.join("; ") || "it is not ready";
  const state = standing(agent);
  if (agent.ready) state.textContent = words;
  return [
    element(
      "div",
      {},
      element("h2", { id: "agent-title", tabindex: "-1" }, agent.name),
      element("p", { class: "sentence" }, state, agent.ready ? "" : `: ${words}`),
    ),
    pausing(agent, may, "agent", "", agent.name),
  ];
}

function vitals(agent) {
  const { hearing, speaking, work } = agent;
  const waiting = work.due + work.running;
  const vital = (name, big, ...more) =>
    element("div", {}, element("dt", {}, name), element("dd", { class: "big" }, big), more.filter(Boolean).map((each) => element("dd", { class: "more" }, each)));
  return element(
    "dl",
    { class: "vitals" },
    vital("Hearing proven", ago(hearing.proven_at), ["server asked ", ago(hearing.reconciled_at)], `sequence ${hearing.since_seq}, epoch ${hearing.epoch}`),
    vital("Last said", ago(speaking.sent_at, "nothing yet"), `${counted(speaking.sent, "message")} since the start`, speaking.conflicted ? `${speaking.conflicted} times somebody spoke first` : ""),
    vital("Waiting", String(waiting), waiting ? `${work.running} running` : "", work.oldest ? ["the oldest ", since(work.oldest.since), work.oldest.attempts ? `, ${counted(work.oldest.attempts, "attempt")} spent` : ""] : ""),
    vital("Running", since(agent.started_at), `version ${agent.version}, journal ${sizeText(agent.journal_bytes)}`, agent.server),
  );
}

function attention(agent, may) {
  const { hearing, speaking, work } = agent;
  const resume = (kind, name) =>
    may.includes("resume") ? button("Resume", `resume ${kind} ${name}`, () => act("resume", { kind, name }, `${called(kind, name)} goes on.`), `Resume ${called(kind, name)}`) : null;
  const notices = [
    ...agent.causes.map((each) => notice("warn", [`${each.cause} `, since(each.since), each.detail ? `: ${each.detail}` : ""], each.fix)),
    hearing.trouble && notice("warn", ["No stream stands ", since(hearing.trouble.since), `: ${hearing.trouble.reason}`], hearing.trouble.fix),
    ...work.blocked.map((each) => notice("warn", [`Chat ${each.chat_id}: ${each.operation} fails `, since(each.since)], each.reason)),
    ...agent.paused.map((each) => notice("warn", [`${called(each.kind, each.name)} is paused `, since(each.since)], "What comes waits.", resume(each.kind, each.name))),
    ...speaking.held.map((each) => notice("warn", [`Nothing is said in chat ${each}: the loop guard holds it`], "", resume("chat", each))),
  ].filter(Boolean);
  return notices.length ? element("ul", { class: "notices", "aria-label": "Needs attention" }, notices) : null;
}

function called(kind, name) {
  return kind === "agent" ? "The agent" : `${kind === "chat" ? "Chat" : "Plugin"} ${name}`;
}

/** The button that pauses this; the notices have the one that resumes it. */
function pausing(agent, may, kind, name, label = name) {
  const isPaused = agent.paused.some((each) => each.kind === kind && each.name === name);
  if (isPaused || !may.includes("pause")) return null;
  return button("Pause", `pause ${kind} ${name}`, () => act("pause", { kind, name }, `${called(kind, name)} is paused.`), `Pause ${kind} ${label}`);
}

const PLUGIN_STATES = {
  running: ["fine", "runs"],
  starting: ["warn", "starts"],
  not_started: ["bad", "has not started"],
  left_alone: ["bad", "is left alone"],
  unavailable: ["bad", "lacks something"],
};

function plugin(each, agent, may) {
  const [kind, words] = PLUGIN_STATES[each.state] ?? ["warn", each.state];
  const isPaused = agent.paused.some((pause) => pause.kind === "plugin" && pause.name === each.name);
  const stands = isPaused ? element("span", { class: "state warn" }, "paused") : element("span", { class: `state ${kind}` }, words);
  const next = each.next_at ? ["next by the clock at ", clock(each.next_at)] : null;
  const again = each.state === "left_alone" || each.state === "not_started" || each.state === "unavailable";
  return element(
    "div",
    { class: "item" },
    element("div", {}, element("p", {}, element("strong", {}, each.name), " ", stands), each.reason || next ? element("p", { class: "more" }, each.reason, next ?? "") : null),
    element(
      "div",
      { class: "buttons" },
      again && may.includes("resume") ? button("Try again", `again ${each.name}`, () => act("resume", { kind: "plugin", name: each.name }, `Plugin ${each.name} is tried again.`), `Try again ${each.name}`) : null,
      pausing(agent, may, "plugin", each.name),
    ),
  );
}

function notice(kind, words, more, ...buttons) {
  return element("li", { class: `notice ${kind}` }, element("div", {}, element("p", {}, words), more ? element("p", { class: "more" }, more) : null), buttons);
}

function letters(agent, may) {
  const shown = agent.dead_letters.map((each) => {
    const what = `dead letter ${each.id}`;
    return item(
      [element("p", {}, element("strong", {}, each.handler), ` gave up on ${each.lane} `, ago(each.at)), element("p", { class: "more" }, `${each.reason} – ${counted(each.attempts, "attempt")}, number ${each.id}`)],
      may.includes("retry") && button("Retry", `retry ${each.id}`, () => act("retry", { dead_letter_id: each.id }, `The ${what} is tried again.`), `Retry ${what}`),
      may.includes("drop") && button("Drop", `drop ${each.id}`, () => confirmed("Drop this dead letter?", `${each.handler} will never handle what it gave up on ${each.lane}.`, "Drop", () => act("drop", { dead_letter_id: each.id }, `The ${what} is dropped.`)), `Drop ${what}`, "danger"),
    );
  });
  return [list(shown), rest(agent.work.dead_letters - shown.length), ...nothing(agent.dead_letters, "None: nothing was given up.", agent.work.dead_letters)];
}

function sends(agent, may) {
  const settle = (each, isSent) => () =>
    confirmed(
      isSent ? "Was it sent?" : "Was it not sent?",
      isSent ? "The runtime will believe that Mycel has this message, and not say it again." : "The runtime will believe that Mycel does not have this message, and may say it.",
      isSent ? "It was sent" : "It was not sent",
      () => act("settle", { send: each.send, is_sent: isSent }, `Send ${each.send} is settled.`),
    );
  const shown = agent.sends.map((each) =>
    item(
      [element("p", {}, element("strong", {}, each.handler), ` in chat ${each.chat}, after message ${each.after_seq}, `, ago(each.at)), element("p", { class: "more" }, each.state === "unknown" ? `send ${each.send}: nobody can tell whether Mycel has it; look into the chat` : `send ${each.send}: the runtime is finding out`)],
      may.includes("settle") && each.state === "unknown" && button("It was sent", `sent ${each.send}`, settle(each, true), `It was sent: ${each.send}`),
      may.includes("settle") && each.state === "unknown" && button("It was not sent", `unsent ${each.send}`, settle(each, false), `It was not sent: ${each.send}`),
    ),
  );
  return [list(shown), rest(agent.sends_total - shown.length), ...nothing(agent.sends, "None: of each message it is known whether it was sent.")];
}

function conversation(chat, agent, may) {
  const more = chat.turns_total > chat.turns.length ? `, the last ${chat.turns.length} of ${chat.turns_total} turns` : "";
  return element("div", { class: "chat" }, element("div", { class: "bar" }, element("h4", {}, "Chat ", element("span", { class: "mono" }, chat.chat), more), pausing(agent, may, "chat", chat.chat)), element("ol", { class: "turns" }, chat.turns.map(turn)));
}

function turn(each) {
  const seqs = each.from_seq === null ? "" : each.from_seq === each.to_seq ? ` #${each.from_seq}` : ` #${each.from_seq}–${each.to_seq}`;
  const heard = each.messages ? counted(each.messages, "message") + seqs : each.kind;
  const deeds = [
    each.said ? `said ${each.said}` : "",
    each.refused.length ? `refused: ${each.refused.join(", ")}` : "",
    ...Object.entries(each.deeds).map(([deed, count]) => `${deed} ${count}`),
  ].filter(Boolean);
  const outcome = each.given_up ? element("span", { class: "bad" }, "given up") : deeds.join(", ") || "said nothing";
  const attempt = each.attempt > 1 ? `, attempt ${each.attempt}` : "";
  return element(
    "li",
    { class: each.given_up ? "lost" : each.said ? "said" : "" },
    clock(each.at),
    `${heard} → `,
    outcome,
    " ",
    element("span", { class: "more" }, `${each.handler}, ${each.seconds < 1 ? `${Math.round(each.seconds * 1000)} ms` : `${each.seconds.toFixed(1)} s`}${attempt}`),
  );
}

function item(words, ...buttons) {
  const shown = buttons.filter(Boolean);
  return element("li", { class: "item" }, element("div", {}, words), shown.length ? element("div", { class: "buttons" }, shown) : null);
}

function list(items) {
  return items.length ? element("ul", { class: "items" }, items) : null;
}

function rest(count) {
  return count > 0 ? element("p", { class: "quiet" }, `${count} more: the command line lists them all.`) : null;
}

function nothing(shown, words, count = 0) {
  return shown.length || count ? [] : [element("p", { class: "quiet" }, words)];
}

function button(words, key, click, label, kind = "") {
  return element("button", { type: "button", "data-key": key, class: kind, "aria-label": label, click }, words);
}

// ---------------------------------------------------------------- the log

let source = null;

function follow() {
  if (source) return;
  source = new EventSource("/page/events");
  source.addEventListener("message", (event) => {
    const { facts, missed } = JSON.parse(event.data);
    if (missed) state.facts.push({ missed, number: 0, level: "warning" });
    state.facts.push(...facts);
    forgetOldLines();
    if (!state.isHeld) drawLog();
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    source = null; // Refused, or the daemon is gone: the next refresh follows again.
  });
}

/** Those of the level debug do not push out the others. */
function forgetOldLines() {
  const left = { true: LOG_LINES, false: LOG_LINES };
  state.facts = state.facts
    .toReversed()
    .filter((each) => left[each.level === "debug"]-- > 0)
    .toReversed();
}

function drawLog() {
  const least = Number(byId("level").value);
  const shown = state.facts.filter((each) => LEVELS[each.level] >= least && (!each.agent || each.agent === state.agent));
  show(byId("log"), shown.toReversed().map(logLine));
}

function logLine(fact) {
  if (fact.missed) return element("li", { class: "quiet" }, `${counted(fact.missed, "line")} went by too fast`);
  const kind = { warning: "warn", error: "bad" }[fact.level] ?? "";
  return element(
    "li",
    {},
    clock(fact.at),
    " ",
    element("span", { class: `event ${kind}` }, fact.event),
    kind ? element("span", { class: "unseen" }, ` (${fact.level})`) : null,
    element("span", { class: "fields" }, fact.fields.map(([name, value]) => `${name}=${value}`).join("  ")),
  );
}

// ---------------------------------------------------------------- dialogs

function askForToken() {
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  byId("token").value = "";
  byId("token-problem").textContent = "";
  dialog.showModal();
  byId("token").focus();
}

async function signIn(event) {
  event.preventDefault();
  try {
    await ask("/page/session", { token: byId("token").value });
    byId("token-dialog").close();
    tell("Signed in.");
    await refresh();
  } catch (error) {
    byId("token-problem").textContent = `${error.message}.`;
    byId("token").select();
  }
}

async function signOut() {
  await ask("/page/session/end", {});
  tell("Signed out.");
  await refresh();
}

function confirmed(title, text, words, act_) {
  // By the button and not by how the dialog was closed: that is told late, when it may be open again for another.
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-do").textContent = words;
  byId("confirm-do").onclick = act_;
  byId("confirm-dialog").showModal();
}

// ---------------------------------------------------------------- begin

byId("session").addEventListener("click", () => (state.overview?.signed_in ? signOut() : askForToken()));
byId("token-form").addEventListener("submit", signIn);
byId("token-cancel").addEventListener("click", () => byId("token-dialog").close());
byId("level").addEventListener("change", drawLog);
byId("hold").addEventListener("click", () => {
  state.isHeld = !state.isHeld;
  byId("hold").setAttribute("aria-pressed", String(state.isHeld));
  if (!state.isHeld) drawLog();
});
addEventListener("hashchange", () => refresh().then(drawLog));
document.addEventListener("visibilitychange", () => document.hidden || refresh());

refresh();
setInterval(() => document.hidden || refresh(), ASK_SECONDS * 1000);
setInterval(keepAges, 1000);

// A coding agent that runs on Node and so compiles while it runs: the Agent Client Protocol, nothing else.
// It answers with the last word of the prompt, or with what it may do here when that is `probe`.
"use strict";
const fs = require("fs");
const {execFileSync} = require("child_process");

const send = (message) => process.stdout.write(JSON.stringify({jsonrpc: "2.0", ...message}) + "\n");
// Hot enough for V8 to compile it to machine code.
const compiled = () => { let sum = 0; for (let i = 0; i < 3e6; i += 1) sum = (sum * 31 + i) % 65521; return sum >= 0; };

async function answer(text) {
  const words = text.trim().split(/\s+/);
  const word = words[words.length - 1];
  if (word === "probe") {
    return JSON.stringify({
      ...JSON.parse(execFileSync("/usr/bin/python3", [`${__dirname}/probe.py`], {encoding: "utf8"})),
      compiles: compiled(), home: fs.existsSync(process.env.HOME),
    });
  }
  if (word.startsWith("slow")) {
    const again = fs.existsSync(`busy-${word}`);
    fs.writeFileSync(`busy-${word}`, "");
    await new Promise((resolve) => setTimeout(resolve, again ? 0 : 4000));
  }
  return `heard ${word}`;
}

const methods = {
  initialize: async () => ({
    protocolVersion: 1, agentCapabilities: {loadSession: false}, agentInfo: {name: "node-agent", version: "1.0.0"},
  }),
  "session/new": async () => ({sessionId: `session-${process.pid}-${Date.now()}`}),
  "session/prompt": async ({sessionId, prompt}) => {
    const text = await answer(prompt.map((block) => block.text || "").join(""));
    const update = {sessionUpdate: "agent_message_chunk", content: {type: "text", text}};
    send({method: "session/update", params: {sessionId, update}});
    return {stopReason: "end_turn"};
  },
};

require("readline").createInterface({input: process.stdin}).on("line", async (line) => {
  const {id, method, params} = JSON.parse(line);
  if (id === undefined) return;
  if (methods[method]) send({id, result: await methods[method](params)});
  else send({id, error: {code: -32601, message: "Method not found"}});
}).on("close", () => process.exit(0));

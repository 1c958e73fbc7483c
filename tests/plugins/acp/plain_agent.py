"""
An agent of the standard library only, which starts in a few milliseconds: what most tests of the plugin talk to.

    python -I -S plain_agent.py FOLDER

It reads `script.json` in its folder at each request, and appends what happens to it to `record.jsonl`. A turn is a
list of steps, each a verb and its arguments, as `play` in `conftest.py` writes them.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

FOLDER = Path(sys.argv[1])
WRITING = threading.Lock()
SCRIPT = {
    "version": "1.0.0",
    "loads": "known",
    "replay": "before",
    "modes": ["yolo", "default"],
    "config_modes": [],
    "closes": True,
    "login": "",
    "heeds_cancel": True,
    "turns": [[["say", "Hello."]]],
}


def script(key):
    return {**SCRIPT, **json.loads((FOLDER / "script.json").read_text())}[key]


def note(event, **values):
    with (FOLDER / "record.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, "pid": os.getpid(), **values}) + "\n")


def send(message):
    line = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
    with WRITING:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def chunk(session, kind, text, message_id=None):
    update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
    update |= {"messageId": message_id} if message_id else {}
    send({"method": "session/update", "params": {"sessionId": session, "update": update}})


class StoppedError(Exception):
    """The turn ends by this result, or error."""


class Agent:
    def __init__(self):
        self.cancelled = {}
        self.answers = {}
        self.busy = set()
        self.turns = 0

    def serve(self):
        note("started")
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if "method" not in message:
                self.answers[message["id"]] = message
            elif "id" in message:
                self.request(message["id"], message["method"], message["params"])
            else:
                note(message["method"])
                if script("heeds_cancel"):
                    self.cancelled[message["params"]["sessionId"]].set()

    def request(self, number, method, params):
        note(method, params=params)
        work = getattr(self, method.replace("/", "_"))
        if method == "session/load" and script("loads") == "slow":
            return
        if method == "session/prompt":
            threading.Thread(target=self.answer, args=(number, work, params), daemon=True).start()
        else:
            self.answer(number, work, params)

    def answer(self, number, work, params):
        try:
            send({"id": number, "result": work(params)})
        except StoppedError as stopped:
            send({"id": number, **stopped.args[0]})

    def initialize(self, params):
        capabilities = {
            "loadSession": script("loads") != "none",
            "sessionCapabilities": {"close": {}} if script("closes") else {},
        }
        info = {"name": "plain", "version": script("version")}
        return {"protocolVersion": 1, "agentCapabilities": capabilities, "agentInfo": info}

    def session_new(self, params):
        if script("login") == "new":
            raise StoppedError({"error": {"code": -32000, "message": "Authentication required"}})
        session = f"session-{os.getpid()}-{len(self.cancelled)}"
        return {"sessionId": session, **self.opened(session)}

    def session_load(self, params):
        session = params["sessionId"]
        if script("loads") in {"known", "late"} and not (FOLDER / session).exists():
            raise StoppedError({"error": {"code": -32002, "message": "Resource not found"}})
        if script("loads") == "never":
            raise StoppedError({"error": {"code": -32603, "message": "Internal error"}})
        if script("replay") == "before":
            self.replay(session)
        elif script("replay") == "after":
            threading.Timer(script("replay_seconds"), self.replay, [session]).start()
        return self.opened(session)

    def replay(self, session):
        if (FOLDER / session).exists():
            for line in (FOLDER / session).read_text().splitlines():
                chunk(session, *json.loads(line))

    def opened(self, session):
        self.cancelled[session] = threading.Event()
        modes = script("modes")
        told = (
            {
                "modes": {
                    "currentModeId": modes[0],
                    "availableModes": [{"id": mode, "name": mode} for mode in modes],
                }
            }
            if modes
            else {}
        )
        if found := script("config_modes"):
            options = [{"value": mode, "name": mode} for mode in found]
            told["configOptions"] = [
                {
                    "id": "the-mode",
                    "category": "mode",
                    "type": "select",
                    "currentValue": found[0],
                    "options": options,
                }
            ]
        return told

    def session_set_mode(self, params):
        return {}

    def session_set_config_option(self, params):
        return {"configOptions": []}

    def session_close(self, params):
        return {}

    def session_prompt(self, params):
        session, text = params["sessionId"], params["prompt"][0]["text"]
        if script("login") == "prompt":
            raise StoppedError({"error": {"code": -32000, "message": "Authentication required"}})
        if session in self.busy:
            note("second")
            raise StoppedError({"error": {"code": -32603, "message": "busy"}})
        self.busy.add(session)
        self.cancelled[session].clear()
        try:
            self.keep(session, "user_message_chunk", text)
            turns = script("turns")
            number = len(
                [line for line in (FOLDER / "record.jsonl").read_text().splitlines() if '"turn"' in line]
            )
            note("turn")
            for verb, *arguments in turns[min(number, len(turns) - 1)]:
                getattr(self, f"do_{verb}")(session, *arguments)
        finally:
            self.busy.discard(session)
        return {"stopReason": "end_turn"}

    def keep(self, session, kind, text):
        with (FOLDER / session).open("a") as file:
            file.write(json.dumps([kind, text]) + "\n")

    def do_say(self, session, text, message_id=None):
        self.keep(session, "agent_message_chunk", text)
        chunk(session, "agent_message_chunk", text, message_id)

    def do_echo(self, session):
        line = (FOLDER / session).read_text().splitlines()[-1]
        self.do_say(session, json.loads(line)[1].splitlines()[-1].strip())

    def do_notice(self, session, text):
        chunk(session, "agent_message_chunk", text)

    def do_fill_if(self, session, word, size):
        """The prompt holds the word."""
        if word in (FOLDER / session).read_text().splitlines()[-1]:
            self.do_fill(session, size)

    def do_fill(self, session, size):
        chunk(session, "agent_message_chunk", "x" * size)

    def do_old(self, session, text):
        chunk(session, "user_message_chunk", text)

    def do_raw(self, session, text):
        send(text.replace("SESSION", session).encode("utf-8", "surrogateescape"))

    def do_ask(self, session, call, options):
        self.do_request(session, "session/request_permission", {"toolCall": call, "options": options})

    def do_request(self, session, method, params):
        number = f"{session}-{time.monotonic()}"
        send({"id": number, "method": method, "params": {"sessionId": session, **params}})
        while number not in self.answers:
            time.sleep(0.001)
        answer = self.answers[number]
        note("answered", method=method, answer=answer.get("result"), error=answer.get("error"))

    def do_wait(self, session):
        if self.cancelled[session].wait(60):
            raise StoppedError({"result": {"stopReason": "cancelled"}})

    def do_until(self, session, name):
        while not (FOLDER / name).exists():
            time.sleep(0.001)

    def do_work(self, session):
        while not (FOLDER / "go").exists():
            sum(range(10_000))

    def do_rest(self, session):
        while not (FOLDER / "go").exists():
            time.sleep(0.1)

    def do_stop(self, session, reason):
        raise StoppedError({"result": {"stopReason": reason}})

    def do_fail(self, session, code):
        raise StoppedError({"error": {"code": code, "message": "a secret of the vendor's"}})

    def do_child(self, session):
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        note("child", child=child.pid)

    def do_exit(self, session):
        os._exit(3)


if __name__ == "__main__":
    Agent().serve()

"""
Does anything that the runtime shows or keeps hold a token, or what people have said?

    python -m tests.integration.canaries

One process with an agent for each bundled plugin, and two for one that does with its token whatever can be done
wrong, at debug, under umask 022: each hears and says a text that nothing else has, while connections are cut, the
backend fails and restarts, files are reloaded, right and wrong, stacks are dumped, and the process is killed and
started again, as JSON and as for a person. Then all outputs are searched for the text and for every token and key.
Exit status 1 if one is found, or if a file or socket is open to others.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from mycel_runtime.sdk import Client
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import ROOT, Backend
from tests.integration.canaries import outputs
from tests.integration.canaries.receiver import Receiver
from tests.plugins.acp.agent_script import Script, ScriptedAgent, Turn, says

DEADLINE = 90.0
PLUGINS = ("echo", "command", "webhook", "llm", "acp", "gatekeeper", "scheduler", "indiscreet", "isolated")


PAGE_OF = "indiscreet"


def free_port():
    """Of loopback, for a moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run:
    """
    Everything once.

    Args:
        folder: For everything that is written.
    """

    def __init__(self, folder):
        self.folder = folder
        self.text = f"canary-text-{secrets.token_hex(8)}"
        self.secrets = {}
        self.found = {}
        self.configs = folder / "agents"
        self.state = folder / "state"
        self.chats = {}
        self.port = free_port()
        self._lives = []

    def run(self):
        """The outputs, by label."""
        os.umask(0o022)
        self.configs.mkdir()
        backend = Backend(self.folder / "backend")
        backend.folder.mkdir()
        backend.start()
        try:
            with (
                FaultProxy("127.0.0.1", backend.port) as proxy,
                Receiver(f"{self.text} of the model") as receiver,
            ):
                acp = ScriptedAgent(self.folder / "acp")
                acp.play(Script(turns=(Turn(steps=says(self.text)),)))
                self._make_agents(backend.base_url, proxy.base_url, receiver, acp)
                self._live(backend, proxy, "json", signal.SIGKILL)
                self._live(backend, proxy, "console", signal.SIGTERM)
                self.found |= {f"trace {n}": body for n, body in enumerate(receiver.traces)}
        finally:
            backend.kill()
        self.found |= {f"state: {name}": data for name, data in outputs.of_files(self.state)}
        return self.found

    def _make_agents(self, base_url, proxied_url, receiver, acp):
        with Client(base_url=base_url) as nobody:
            owner = nobody.auth.create_guest_owner("owner")
        self.owner = Client(base_url=base_url, auth_token=owner["token"])
        self.secrets["owner's token"] = owner["token"]
        key = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        for name, secret in (("webhook.key", key), ("llm.key", f"sk-{secrets.token_hex(16)}")):
            self._secret_file(name, secret)
        for name in PLUGINS:
            agent = self.owner.auth.create_external_user(name, name)
            self._secret_file(f"{name}.token", agent["token"])
            self.chats[name] = self.owner.chats.ensure_direct(agent["user"]["id"])["id"]
            (self.configs / f"{name}.toml").write_text(
                f'[agent]\nname = "{name}"\nbase_url = "{proxied_url}"\ntoken_file = "{name}.token"\n'
                f'state_dir = "{self.state / name}"\n[inbox]\nreconcile_interval = 2.0\nbackoff_cap = 1.0\n'
                f"[dispatch]\nmax_attempts = 2\nretry_base = 0.1\nretry_cap = 0.5\n[journal]\ncapture = true\n"
                f'[log]\nlevel = "debug"\n[tracing]\nendpoint = "{receiver.url}"\n'
                + (f'[http]\nlisten = "127.0.0.1:{self.port}"\n' if name == PAGE_OF else "")
                + self._table(name, receiver, acp)
            )

    def _table(self, name, receiver, acp):
        program, token = Path(__file__).with_name("indiscreet.py"), self.configs / f"{name}.token"
        careless = f'path = "{program}"\ntoken_file = "{token}"\n'
        post = f'chat = "{self.chats[name]}"\ntext = "{self.text}"\n'
        return {
            "command": '[plugins.command]\ncommand = ["cat"]\n',
            "webhook": f'[plugins.webhook]\nurl = "{receiver.url}/hook"\nsecret_file = "webhook.key"\n',
            "llm": f'[plugins.llm]\nmodel = "m"\nbase_url = "{receiver.url}/v1"\napi_key_file = "llm.key"\n',
            "acp": f'[plugins.acp]\ncommand = {json.dumps(acp.command)}\nfolder = "{self.state}/acp-chats"\n',
            "gatekeeper": '[plugins.gatekeeper]\nrelationships = "ask"\nask_user = "owner"\n',
            "scheduler": f"[[plugins.scheduler.posts]]\nevery = {{ seconds = 1 }}\n{post}",
            "indiscreet": f"[plugins.indiscreet]\n{careless}",
            "isolated": f'[plugins.indiscreet]\nisolation = "process"\n{careless}',
        }.get(name, f"[plugins.{name}]\n")

    def _secret_file(self, name, secret):
        self.secrets[name] = secret
        path = self.configs / name
        path.touch(mode=0o600)
        path.write_text(secret)

    def _live(self, backend, proxy, log_format, ending):
        """A life of the process: work, faults, reloads, dumps, and its end."""
        process, log = self._start(log_format)
        self._await(log, b"stream.connected", len(PLUGINS), process)
        tail = self._tail()
        faults = (
            lambda: None,
            proxy.cut,
            lambda: backend.ask("fault", name="refuse", status=500, times=3, path="/api/chats.*"),
            backend.restart,
            proxy.reset,
        )
        for number, fault in enumerate(faults):
            self._say(number, ending)
            fault()
            time.sleep(1)
        self._reload(process)
        process.send_signal(signal.SIGUSR1)
        self._await(log, b"process.dumped", 1, process)
        self._await(log, b"delivery.finished", len(PLUGINS), process)
        self._ask(log_format)
        self.open = outputs.open_to_others(self.state)
        process.send_signal(ending)
        process.wait(DEADLINE)
        self.found[log.name] = log.read_bytes()
        # It ends with the daemon.
        told, errors = tail.communicate(timeout=DEADLINE)
        assert told, errors
        self.found[f"{log_format}: tail"] = told + errors

    def _start(self, log_format):
        log = self.folder / f"log-{len(self._lives)}-{log_format}"
        self._lives.append(log)
        command = [sys.executable, "-m", "mycel_runtime", "run", "--config", str(self.configs)]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "--log-format", log_format],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                umask=0o022,
            )
        return process, log

    def _tail(self):
        config = str(self.configs / f"{PAGE_OF}.toml")
        command = [sys.executable, "-m", "mycel_runtime", "tail", "--json", "--config", config]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _say(self, number, ending):
        for name, chat_id in self.chats.items():
            word = "fail" if number % 2 and name in {"indiscreet", "isolated"} else "say"
            with suppress(Exception):  # The backend is made to fail, for the owner too.
                self.owner.messages.send(
                    chat_id, f"{self.text} {word} {number} {ending}", enforce_caught_up=False
                )
        with suppress(Exception), Client(base_url=self.owner.base_url) as nobody:
            stranger = nobody.auth.create_guest_owner(f"stranger-{secrets.token_hex(4)}")
            with Client(base_url=self.owner.base_url, auth_token=stranger["token"]) as client:
                client.relationships.request("gatekeeper", message=self.text)

    def _reload(self, process):
        """A file that is wrong, with a secret where none belongs, and a right one."""
        config = self.configs / "echo.toml"
        right = config.read_text()
        config.write_text(f'{right}\ntokn = "{self.secrets["echo.token"]}"\n')
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        config.write_text(right)
        process.send_signal(signal.SIGHUP)
        time.sleep(1)

    def _ask(self, when):
        for name in PLUGINS:
            told = outputs.of_socket(self.state / name)
            self.found |= {f"{when}: {name} {label}": data for label, data in told}
        told = outputs.of_page(f"http://127.0.0.1:{self.port}", PAGE_OF)
        self.found |= {f"{when}: {label}": data for label, data in told}
        told = outputs.of_commands(self.configs / "indiscreet.toml")
        self.found |= {f"{when}: indiscreet {label}": data for label, data in told}

    @staticmethod
    def _await(log, event, times, process):
        deadline = time.monotonic() + DEADLINE
        while log.read_bytes().count(event) < times:
            ended = process.poll() is not None or time.monotonic() > deadline
            assert not ended, f"no {event} {times} times:\n{log.read_text()[-3000:]}"
            time.sleep(0.1)

    def hits(self):
        """Where which canary was found."""
        found = []
        for label, data in self.found.items():
            found += [
                f"{what} in {label}" for what, secret in self.secrets.items() if secret.encode() in data
            ]
            keeps_text = any(name in label for name in outputs.TEXT_IS_KEPT)
            if self.text.encode() in data and not keeps_text:
                found.append(f"text in {label}")
        return found


def main():
    """Run, search, judge."""
    with tempfile.TemporaryDirectory(prefix="canaries-") as folder:
        run = Run(Path(folder))
        found = run.run()
        hits = run.hits()
        masked = sum(data.count(b"***") for data in found.values())
        size = sum(map(len, found.values()))
        print(
            f"{len(found)} outputs, {size} bytes, {len(run.secrets)} secrets and a text; masked {masked} times"
        )
        print("\n".join([*hits, *(f"open to others: {each}" for each in run.open)]) or "0 hits, nothing open")
        assert masked, "nothing was masked: the careless plugin was not at work"
        return 1 if hits or run.open else 0


if __name__ == "__main__":
    sys.exit(main())

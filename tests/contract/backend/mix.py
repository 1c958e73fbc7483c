"""
One of the processes of `test_invariants`: ten threads that talk, read, list and drain as fast as they can.

Prints how many messages it got accepted. Checks what one caller can see for himself: his cursor never goes
back (nothing that `messages/read` returned is unread again), lists ascend, drains number upwards.
"""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

THREADS = 10


class Talker:
    """One thread's client; what it asserts, it asserts alone."""

    def __init__(self, base_url, chat, token, number):
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, verify=False, timeout=30)
        self._chat = f"/api/chats/{chat}"
        self._dice = random.Random(number)
        self._read_up_to = 0
        self.accepted = 0

    def run(self, deadline):
        with self._http:
            while time.monotonic() < deadline:
                self._dice.choice((self._say, self._say, self._read, self._unread, self._list, self._drain))()

    def _ask(self, method, path, allowed=(200,), **more):
        answer = self._http.request(method, path, **more)
        assert answer.status_code in allowed, (answer.status_code, answer.text)
        return answer

    def _say(self):
        body = {"content": "x", "enforce_caught_up": self._dice.random() < 0.5}
        answer = self._ask("POST", f"{self._chat}/messages", (200, 409), json=body)
        self.accepted += answer.status_code == 200

    def _read(self):
        self._follow(self._ask("POST", f"{self._chat}/messages/read").json())

    def _unread(self):
        for message in self._ask("GET", f"{self._chat}/messages/unread").json():
            assert message["seq"] > self._read_up_to

    def _list(self):
        seqs = [message["seq"] for message in self._ask("GET", f"{self._chat}/messages").json()]
        assert seqs == sorted(set(seqs))
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True

    def _drain(self):
        drained = self._ask("POST", "/api/runtime/inbox/drain").json()
        seqs = [item["seq"] for item in drained["notifications"]]
        assert drained["count"] == len(seqs)
        assert seqs == sorted(set(seqs))

    def _follow(self, messages):
        seqs = [message["seq"] for message in messages]
        assert seqs == sorted(set(seqs))
        assert all(seq > self._read_up_to for seq in seqs), (seqs[:3], self._read_up_to)
        self._read_up_to = max([self._read_up_to, *seqs])


def main():
    base_url, chat, seconds = sys.argv[1:]
    tokens = os.environ["TOKENS"].split()
    deadline = time.monotonic() + float(seconds)
    talkers = [Talker(base_url, chat, tokens[number % len(tokens)], number) for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        for run in [threads.submit(talker.run, deadline) for talker in talkers]:
            run.result()
    print(sum(talker.accepted for talker in talkers))


if __name__ == "__main__":
    main()

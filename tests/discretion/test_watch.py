"""A secret that the runtime tells is found, wherever a test could have heard it; and nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.sdk import Client
from tests.discretion.heard import hear
from tests.discretion.search import telling, texts_in, tokens_in
from tests.discretion.watch import Watch

WORDS = "nobody else is to know of 4711"

HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

TOKEN = f"{HEADER}.{'a' * 40}.{'b' * 40}zzz"


@pytest.fixture
def watch():
    """One of this test's own, that has heard whatever was told before."""
    watch = Watch()
    watch.look([])
    return watch


def said(folder, *texts):
    """A backend's file in which somebody has said this."""
    folder.mkdir(exist_ok=True)
    with LocalBackend(BackendOptions(database=folder / "backend.sqlite3")) as backend:
        with Client(base_url=backend.base_url) as nobody:
            owner = nobody.auth.create_guest_owner("owner")
        with Client(base_url=backend.base_url, auth_token=owner["token"]) as client:
            agent = client.auth.create_external_user("agent", "Agent")
            chat_id = client.chats.ensure_direct(agent["user"]["id"])["id"]
            for text in texts:
                client.messages.send(chat_id, text, enforce_caught_up=False)
    return owner["token"]


def main(code, *arguments, **options):
    """A process that is taken for the runtime's, which runs this."""
    program = f"{code}\n# in the place of mycel_runtime.cli.main"
    return subprocess.Popen([sys.executable, "-c", program, *arguments], **options)


@pytest.mark.parametrize("is_text", [True, False], ids=["text", "bytes"])
@pytest.mark.parametrize("bufsize", [-1, 0])
def test_what_is_read_from_a_pipe_is_heard_and_stays_as_it_is(watch, is_text, bufsize):
    process = main(
        f"print({TOKEN!r})", stdout=subprocess.PIPE, text=is_text, bufsize=-1 if is_text else bufsize
    )
    with process:
        line = process.stdout.readline()

    assert line == (f"{TOKEN}\n" if is_text else f"{TOKEN}\n".encode())
    assert watch.look([]) == ["stdout of : 'a token, bbbzzz'"]
    assert watch.look([]) == []


def test_what_is_communicated_is_heard_also_of_a_process_that_does_not_end(watch):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with main(f"import sys; print({TOKEN!r}); print({TOKEN!r}, file=sys.stderr)", "once", **pipes) as ended:
        ended.communicate(timeout=60)
    waiting = main(
        f"import sys; print({TOKEN!r}, flush=True); sys.stdin.read()", "again", stdin=subprocess.PIPE, **pipes
    )
    with waiting:
        assert waiting.stdout.read(1) == b"e"
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.communicate(timeout=0)
        waiting.communicate(timeout=60)

    assert watch.look([]) == [
        "stdout of once: 'a token, bbbzzz'",
        "stderr of once: 'a token, bbbzzz'",
        "stdout of again: 'a token, bbbzzz'",
    ]


def test_a_process_that_outlives_a_test_is_listened_to_in_the_next(watch):
    process = main(
        f"print({TOKEN[:60]!r}, end='', flush=True); input(); print({TOKEN[60:]!r})",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout.read(60).decode() == TOKEN[:60]
        assert watch.look([]) == []
        process.communicate(b"\n", timeout=60)

    assert watch.look([]) == ["stdout of : 'a token, bbbzzz'"]


def test_what_was_said_is_sought_as_it_stands_and_as_json_has_it(watch, tmp_path):
    text = 'what "he" said:\nüber alles'
    said(tmp_path, text, "yes")
    for place, told in enumerate((text, json.dumps(text), json.dumps(text, ensure_ascii=False), "yes")):
        hear(f"output {place}", told)

    assert watch.look([tmp_path]) == [f"output {place}: {text!r}" for place in range(3)]


def test_a_command_that_shows_words_by_its_nature_may_but_shows_no_token(watch, tmp_path):
    said(tmp_path, WORDS)
    for command in ("read", "status"):
        with main(f"print({WORDS!r}, {TOKEN!r})", command, stdout=subprocess.PIPE) as process:
            process.communicate(timeout=60)

    assert watch.look([tmp_path]) == [
        "stdout of read: 'a token, bbbzzz'",
        "stdout of status: 'a token, bbbzzz'",
        f"stdout of status: {WORDS!r}",
    ]


def test_a_backends_own_file_and_token_files_are_no_outputs(watch, tmp_path):
    token = said(tmp_path, WORDS)
    (tmp_path / "agent.token").write_text(token)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/token_ada").write_text(token)
    hear("nothing", "nothing")

    assert watch.look([tmp_path]) == []
    (tmp_path / "copied").write_text(token)
    hear("nothing", "nothing")
    assert watch.look([tmp_path]) == [f"{tmp_path}/copied: 'a token, {token[-6:]}'"]


def test_only_texts_that_no_line_has_by_chance_are_sought():
    assert telling({"yes", "0.1", "echo: yes", "echo", "a-long-word", "echo: a-long-word"}) == [
        "echo: yes",
        "a-long-word",
    ]
    assert texts_in(b"who said echo: yesterday?", ["echo: yes"]) == []
    assert tokens_in(HEADER.encode()) == []


def test_what_a_test_writes_beside_a_process_of_another_one_is_its_own(watch, tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with main("import sys; print('begun', flush=True); print(sys.stdin.read())", **pipes) as process:
        assert process.stdout.read(1) == b"b"
        watch.look([])
        (tmp_path / "written").write_text(TOKEN)
        process.communicate(b"more", timeout=60)

    assert watch.look([tmp_path]) == []
    hear("something new", "nothing")
    assert watch.look([tmp_path]) == [f"{tmp_path}/written: 'a token, bbbzzz'"]

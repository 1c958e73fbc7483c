"""What the page shows runs: a key, a receiver that verifies, and an agent that delivers to it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import httpx
import pytest

from mycel_runtime.plugin.registry import load_plugins
from mycel_runtime.settings import load_settings
from mycel_runtime_plugins.webhook import plugin
from mycel_runtime_plugins.webhook.answer import answer_of
from tests.guide import ROOT, blocks

PATH = ROOT / "plugins/mycel_runtime_plugins/webhook/README.md"

PAGE = {block.file: block.text for block in blocks(PATH)}


@pytest.fixture
def folder(tmp_path):
    for name, text in PAGE.items():
        (tmp_path / name).write_text(text)
    subprocess.run([sys.executable, "make_key.py"], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


@pytest.fixture
async def receiver(folder, free_tcp_port):
    """Its address, once it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "receiver.py", str(free_tcp_port), cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while not _listens(free_tcp_port):
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{free_tcp_port}/hook"
    finally:
        process.kill()
        await process.wait()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_block_is_looked_at_here():
    assert list(PAGE) == ["agent.toml", "make_key.py", "receiver.py"]


@pytest.mark.slow
async def test_the_receiver_answers_what_is_signed_and_nothing_else(mycel, folder, receiver):
    (loaded,) = load_plugins(load_settings(folder / "agent.toml").plugins, folder / "agent.toml")
    table = {"url": receiver, "secret_file": str(loaded.settings.secret_file)}
    ada = await mycel.human("Ada")
    await mycel.agent(plugin, settings={"webhook": table})
    await ada.says("hello")
    await ada.hears("You said: hello", within=60.0)

    async with httpx.AsyncClient() as stranger:
        unsigned = await stranger.post(receiver, json={"id": "msg_1", "messages": []})
    assert unsigned.status_code == 401


def test_the_answer_that_the_page_shows_is_one():
    (shown,) = [line for line in PATH.read_text().splitlines() if line.startswith('`{"replies"')]
    answer = answer_of(shown.strip("`").encode(), most=20, characters=4000, is_request=False, has_chat=True)
    assert (len(answer.replies), len(answer.deeds)) == (2, 1)

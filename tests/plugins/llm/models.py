"""
The plugin against the genuine LiteLLM proxy, whose models are mocked: `make models`.

Both of its faces are asked, chat completions and Anthropic's messages. A line for each case: what the person heard,
and what the operator was told. Exit status 1 if any of it is not as expected.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
import tempfile
from pathlib import Path

import httpx

from mycel_runtime.testing import Mycel
from mycel_runtime_plugins.llm import plugin
from mycel_runtime_plugins.llm.settings import Texts
from tests.guide import ROOT

PROXY = ROOT / ".venv" / "litellm" / "bin" / "litellm"

START_SECONDS = 180.0
"""It imports for half a minute, and longer on a busy machine."""

TEXTS = Texts()

LONG = " ".join(f"word{number}" for number in range(400))

MODELS = {
    "good": {"mock_response": "The mocked answer."},
    "long": {"mock_response": LONG},
    "limited": {"mock_response": "litellm.RateLimitError"},
    "broken": {"mock_response": "litellm.InternalServerError"},
    "context": {"mock_response": "litellm.ContextWindowExceededError"},
}
"""Names, and what the proxy does in the vendor's place."""

CASES = [
    ("good", {}, "The mocked answer."),
    ("long", {"piece_characters": 1000}, "(1/"),
    ("limited", {}, TEXTS.limited),
    ("broken", {}, TEXTS.unavailable),
    ("context", {}, TEXTS.too_long),
    ("nowhere", {}, TEXTS.misconfigured),
    ("good", {"api_key_env": "WRONG_KEY"}, TEXTS.misconfigured),
]
"""Model, settings, and how what the person hears begins or ends."""

WHOLE = {"good", "long"}
"""LiteLLM 1.108.7 answers messages of mocked models whole, though a stream is asked for: no stream, no answer."""


async def main() -> int:
    key = f"sk-{secrets.token_hex(16)}"
    os.environ |= {"RIGHT_KEY": key, "WRONG_KEY": "sk-wrong"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        proxy = await start_proxy(Path(folder), port, key)
        try:
            await until_ready(f"http://127.0.0.1:{port}", proxy)
            wrong = [
                case
                for api in ("openai", "anthropic")
                for case in CASES
                if not await is_as_expected(Path(folder), f"http://127.0.0.1:{port}", api, *case)
            ]
        finally:
            proxy.terminate()
            await asyncio.wait_for(proxy.wait(), 30)
    print(f"{2 * len(CASES) - len(wrong)} of {2 * len(CASES)} as expected")
    return 1 if wrong else 0


async def start_proxy(folder: Path, port: int, key: str) -> asyncio.subprocess.Process:
    models = [
        {"model_name": name, "litellm_params": {"model": "openai/mocked", "api_key": "none"} | params}
        for name, params in MODELS.items()
    ]
    # It has four ways to try again by itself, all of them on.
    settings = {
        "model_list": models,
        "general_settings": {"master_key": key},
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    (folder / "config.yaml").write_text(json.dumps(settings))
    command = [PROXY, "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    log = (folder / "log").open("wb")
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HOME": str(folder)}
    with log:
        return await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL, env=environment
        )


async def until_ready(url: str, proxy: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
        while proxy.returncode is None:
            try:
                if (await client.get(f"{url}/health/liveliness")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)
    raise SystemExit("the proxy has ended")


async def is_as_expected(
    folder: Path, url: str, api: str, model: str, settings: dict[str, object], expected: str
) -> bool:
    if api == "anthropic" and model in WHOLE and "api_key_env" not in settings:
        expected = TEXTS.unavailable
    own = Path(tempfile.mkdtemp(dir=folder))
    table = {
        "model": model,
        "api": api,
        "base_url": f"{url}/v1" if api == "openai" else url,
        **({} if "api_key_env" in settings else {"api_key_env": "RIGHT_KEY"}),
        **settings,
    }
    async with Mycel(own) as mycel:
        ada = await mycel.human("Ada")
        agent = await mycel.agent(plugin, settings={"llm": table}, config={"dispatch": {"max_attempts": 2}})
        await ada.says("hello")
        heard = (await ada.hears(within=120)).content
        await mycel.settles(within=60)
        reasons = [letter.reason for letter in await agent.dead_letters()]
        is_right = heard.startswith(expected) or expected in heard[-20:]
    print(f"{'ok ' if is_right else 'BAD'} {api:9} {model:8} {heard[-60:]!r:64} {'; '.join(reasons) or '-'}")
    return is_right


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

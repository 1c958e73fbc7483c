#!/usr/bin/env bash
# litellm: in a stream, an answer that the provider broke off ends with "stop" and nothing else
#
# Version    litellm 1.110.2
# Expected   A provider whose machine gives out in the middle of an answer says so by a finish_reason of its own.
#            LiteLLM turns those into the five of OpenAI and documents that what a provider has really said is kept
#            beside it (`native_finish_reason`), so that a caller who looks there knows that the answer is no answer.
# Behaviour  That holds for answers that come whole. In a stream no chunk carries it, nor does the message that LiteLLM
#            puts together of the chunks: a reason that it does not know (of DeepSeek) or takes for an end (of Z.AI and
#            Mistral) is "stop", as if the model had finished. "length" passes, and a stream cut without any reason is
#            an error; but a provider that says that it has failed is not heard.
# For us     The plugin `llm` takes a reason that it does not know for nonsense and asks again. Behind LiteLLM it cannot
#            be told, so plugins/.../llm/README.md says under "Traps" to ask such a provider without it.
#
# Output seen (provider and its reason; of each way finish_reason and native_finish_reason):
#   deepseek, insufficient_system_resource: whole stop (insufficient_system_resource), streamed stop (None), joined stop (None)
#   mistral, error: whole stop (error), streamed stop (None), joined stop (None)
#   zai, network_error: whole stop (network_error), streamed stop (None), joined stop (None)
#   deepseek, length: whole length (None), streamed length (None), joined length (None)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'litellm==1.110.2'

cat >"$work/reasons.py" <<'PYTHON'
import http.server
import json
import logging
import threading

import litellm

litellm.suppress_debug_info = True
logging.getLogger("LiteLLM").setLevel(logging.ERROR)
SAID = [
    ("deepseek", "insufficient_system_resource"),
    ("mistral", "error"),
    ("zai", "network_error"),
    ("deepseek", "length"),
]
QUESTION = [{"role": "user", "content": "Hello"}]


class Provider(http.server.BaseHTTPRequestHandler):
    """Says half an answer, and why it ends there."""

    reason = ""

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        kind = "text/event-stream" if asked.get("stream") else "application/json"
        self.send_header("Content-Type", kind)
        self.end_headers()
        half = {"role": "assistant", "content": "Half an ans"}
        if not asked.get("stream"):
            self.wfile.write(self.answer("chat.completion", message=half, finish_reason=self.reason))
            return
        for delta, reason in ((half, None), ({}, self.reason)):
            chunk = self.answer("chat.completion.chunk", delta=delta, finish_reason=reason)
            self.wfile.write(b"data: " + chunk + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def answer(self, kind, **choice):
        usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
        answer = {"id": "c", "object": kind, "created": 1, "model": "m", "choices": [{"index": 0, **choice}]}
        return json.dumps(answer | ({"usage": usage} if kind == "chat.completion" else {})).encode()


def reason_of(answers):
    """What is told last, and (the provider's own word, wherever it may stand)."""
    choices = [choice.model_dump() for answer in answers for choice in answer.choices]
    said = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    places = [answer.model_dump() for answer in answers] + choices
    places += [choice.get("delta") or choice.get("message") or {} for choice in choices]
    fields = [place.get("provider_specific_fields") or {} for place in places]
    native = [each["native_finish_reason"] for each in fields if "native_finish_reason" in each]
    return f"{said[-1]} ({native[-1] if native else None})"


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
for name, Provider.reason in SAID:
    asked = {
        "model": f"{name}/m",
        "messages": QUESTION,
        "api_base": f"http://127.0.0.1:{server.server_port}/v1",
        "api_key": "none",
        "max_retries": 0,
    }
    whole = reason_of([litellm.completion(**asked)])
    chunks = list(litellm.completion(**asked, stream=True))
    together = reason_of([litellm.stream_chunk_builder(chunks)])
    print(f"{name}, {Provider.reason}: whole {whole}, streamed {reason_of(chunks)}, joined {together}")
PYTHON

cat >"$work/expected" <<'TEXT'
deepseek, insufficient_system_resource: whole stop (insufficient_system_resource), streamed stop (None), joined stop (None)
mistral, error: whole stop (error), streamed stop (None), joined stop (None)
zai, network_error: whole stop (network_error), streamed stop (None), joined stop (None)
deepseek, length: whole length (None), streamed length (None), joined length (None)
TEXT
env -u http_proxy -u https_proxy -u all_proxy LITELLM_LOCAL_MODEL_COST_MAP=True \
  timeout 100 "$work/venv/bin/python" "$work/reasons.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"

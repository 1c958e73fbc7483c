#!/usr/bin/env bash
# openai, anthropic: a stream that ends in the middle of an answer is handed over as a finished message
#
# Version    openai 3.57.0, anthropic 2.14.0
# Expected   A completion whose stream ends before the model said why it stopped is an error, at least where the library
#            itself puts the message together ("final completion", "final message").
# Behaviour  If the server (or a proxy that was restarted) ends the body cleanly after some text, both libraries return the
#            part as the final message, without a warning. Only the stop reason, which is None, tells.
# For us     Whoever posts a model's answer into a chat demands a stop reason first; half an answer is a failed attempt.
#
# Output seen:
#   openai: 'Half an ans', finish_reason None, no error
#   anthropic: 'Half an ans', stop_reason None, no error
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'openai==3.57.0' 'anthropic==2.14.0'

cat >"$work/streams.py" <<'PYTHON'
import http.server
import json
import threading

import anthropic
import openai

TEXT = "Half an ans"
CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": TEXT}, "finish_reason": None}],
}
MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "content": [],
    "model": "m",
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
EVENTS = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
]


class Model(http.server.BaseHTTPRequestHandler):
    """Begins to answer and closes; HTTP/1.0, so that the close is the regular end of the body."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if self.path.endswith("/chat/completions"):
            self.wfile.write(f"data: {json.dumps(CHUNK)}\n\n".encode())
        else:
            for event in EVENTS:
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
question = [{"role": "user", "content": "Hello"}]

with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
    with client.chat.completions.stream(model="m", messages=question) as stream:
        choice = stream.get_final_completion().choices[0]
print(f"openai: {choice.message.content!r}, finish_reason {choice.finish_reason}, no error")

with anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client:
    with client.messages.stream(model="m", max_tokens=9, messages=question) as stream:
        message = stream.get_final_message()
print(f"anthropic: {message.content[0].text!r}, stop_reason {message.stop_reason}, no error")
PYTHON

cat >"$work/expected" <<'TEXT'
openai: 'Half an ans', finish_reason None, no error
anthropic: 'Half an ans', stop_reason None, no error
TEXT
env -u http_proxy -u https_proxy -u all_proxy "$work/venv/bin/python" "$work/streams.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"

"""The receiver of a webhook: answers later, by a signed callback on the unix socket of the plugin."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, KEY, CALLBACK, BUSY = int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
HELD = set()
BUSY.mkdir(exist_ok=True)


def sign(number, seconds, body):
    secret = base64.b64decode(Path(KEY).read_text().strip().removeprefix("whsec_"))
    mac = hmac.new(secret, f"{number}.{seconds}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def call_back(number, body):
    seconds = str(int(time.time()))
    headers = {
        "webhook-id": number,
        "webhook-timestamp": seconds,
        "webhook-signature": sign(number, seconds, body),
    }
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(CALLBACK)
    connection.request("POST", "/", body, headers | {"content-type": "application/json"})
    print(number, connection.getresponse().status, flush=True)


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        number = self.headers["webhook-id"]
        body = self.rfile.read(int(self.headers["content-length"]))
        expected = sign(number, self.headers["webhook-timestamp"], body)
        if not hmac.compare_digest(expected, self.headers["webhook-signature"]):
            self.send_response(401)
            self.end_headers()
            return
        word = json.loads(body)["messages"][-1]["content"].split()[-1]
        answer = json.dumps({"replies": [f"heard {word}"]}).encode()
        wait = 4.0 if word.startswith("slow") and word not in HELD else 0.1
        HELD.add(word)
        if word.startswith("slow"):
            (BUSY / f"busy-{word}").touch()
        threading.Timer(wait, call_back, [number, answer]).start()
        self.send_response(202)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", PORT), Hook).serve_forever()

#!/usr/bin/env bash
# uvicorn: a server whose task was cancelled goes on listening and answering
#
# Version    uvicorn 0.54.0, Python 3.11 to 3.13
# Expected   Whoever embeds `Server.serve()` as a task beside others ends it by cancelling, as a TaskGroup does when a
#            sibling fails: then nothing listens any more, as with `asyncio.Server.serve_forever()`.
# Behaviour  `serve()` is cancelled, `Server.started` stays true, and the listener stays in the loop: who connects
#            afterwards gets an answer from a server that is over, until the loop is closed. Only `should_exit`
#            leads to `shutdown()`. A program that closes the socket it has handed over leaves the loop watching its
#            number.
# For us     Each agent's control socket is such a task. daemon/quiet_server.py closes the listeners itself;
#            tests/integration/cli/test_control.py has one agent end by an error and sees another one's socket answer.
#
# Output seen:
#   asyncio's server: cancelled, then ConnectionRefusedError
#   uvicorn, should_exit: ended, then ConnectionRefusedError
#   uvicorn, cancelled: cancelled, then HTTP/1.1 204 No Content
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'uvicorn==0.54.0'

cat >"$work/cancel.py" <<'PYTHON'
import asyncio

import uvicorn


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Embedded:
    """uvicorn as a task among others."""

    def __init__(self):
        self.server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="critical"))
        self.task = asyncio.create_task(self.server.serve())

    async def port(self):
        while not self.server.started:
            await asyncio.sleep(0.01)
        return self.server.servers[0].sockets[0].getsockname()[1]


class Plain:
    """asyncio's own."""

    async def port(self):
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        self.task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0.01)
        return server.sockets[0].getsockname()[1]


async def answer_at(port):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        return type(error).__name__
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line = await asyncio.wait_for(reader.readline(), timeout=5)
    writer.close()
    return line.decode().strip()


async def ended(label, embedded, end):
    port = await embedded.port()
    end(embedded)
    await asyncio.wait([embedded.task], timeout=5)
    how = "cancelled" if embedded.task.cancelled() else "ended"
    print(f"{label}: {how}, then {await answer_at(port)}")


async def main():
    def cancel(embedded):
        embedded.task.cancel()

    def ask_to_exit(embedded):
        embedded.server.should_exit = True

    await ended("asyncio's server", Plain(), cancel)
    await ended("uvicorn, should_exit", Embedded(), ask_to_exit)
    await ended("uvicorn, cancelled", Embedded(), cancel)


asyncio.run(main())
PYTHON

cat >"$work/expected" <<'TEXT'
asyncio's server: cancelled, then ConnectionRefusedError
uvicorn, should_exit: ended, then ConnectionRefusedError
uvicorn, cancelled: cancelled, then HTTP/1.1 204 No Content
TEXT
"$work/venv/bin/python" "$work/cancel.py" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"

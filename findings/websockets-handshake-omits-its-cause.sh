#!/usr/bin/env bash
# websockets: what has ended a connection before the answer to the handshake is nowhere in the error
#
# Version    websockets 17.4
# Expected   The error of `connect` leads to its cause, as `ConnectionClosed` does once the connection is open: there the
#            ConnectionResetError or the SSLError is its `__cause__`.
# Behaviour  During the handshake the same end is "did not receive a valid HTTP response", by an EOFError. A server that
#            demands a client's certificate says so in an alert; with TLS 1.3 it comes after the client's side of the TLS
#            handshake, thus while `websockets` waits for the answer. The connection object knows it (`connection_exc`),
#            the error does not, so the operator is shown a server that hangs up for no reason.
# For us     The SDK's connections name `connection_exc` as the cause (sdk/stream.py), which sdk/cause.py turns into a
#            word and a fix.
#
# Output seen:
#   reset before the answer: InvalidMessage < EOFError < EOFError
#   reset after the answer: ConnectionClosedError < ConnectionResetError
#   certificate demanded: InvalidMessage < EOFError < EOFError
#   certificate demanded, what the connection knew: TLSV13_ALERT_CERTIFICATE_REQUIRED
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'websockets==17.4' 'trustme==1.2.1'

cat >"$work/handshake.py" <<'PYTHON'
import asyncio
import contextlib
import socket
import ssl
import struct
import threading

import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.server import ServerProtocol


class Watched(ClientConnection):
    """Is not forgotten when it fails."""

    last = None

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        Watched.last = self


def reset(writer):
    """Ends a connection with a reset instead of an end of file."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_before(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    reset(writer)


async def reset_after(reader, writer):
    protocol = ServerProtocol()
    protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
    [request] = protocol.events_received()
    protocol.send_response(protocol.accept(request))
    writer.write(b"".join(protocol.data_to_send()))
    await reader.readexactly(8)
    reset(writer)


class Demanding(threading.Thread):
    """Demands a certificate of one client, and hears it out, so that no reset overtakes the alert."""

    def __init__(self, tls):
        super().__init__(daemon=True)
        self.tls, self.listener = tls, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        connection, _ = self.listener.accept()
        encrypted = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(ssl.SSLError):
            encrypted.do_handshake()
            raise AssertionError("a client without a certificate came through")
        with socket.socket(fileno=encrypted.detach()) as remains:
            while remains.recv(4096):
                pass


async def error_at(port, trusting=None):
    """The types from the error of a client down to its last cause or context."""
    address = f"{'wss' if trusting else 'ws'}://127.0.0.1:{port}"
    try:
        async with connect(address, ssl=trusting, proxy=None, create_connection=Watched) as connection:
            await connection.send("hi")
            await connection.recv()
    except Exception as error:
        found = []
        while error is not None:
            found.append(type(error).__name__)
            error = error.__cause__ or error.__context__
        return " < ".join(found)
    return "none"


async def error_of(handler):
    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        return await error_at(server.sockets[0].getsockname()[1])


async def main():
    print("reset before the answer:", await error_of(reset_before))
    print("reset after the answer:", await error_of(reset_after))
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(serving)
    authority.configure_trust(trusting)
    serving.verify_mode = ssl.CERT_REQUIRED
    demanding = Demanding(serving)
    demanding.start()
    print("certificate demanded:", await error_at(demanding.port, trusting))
    print("certificate demanded, what the connection knew:", Watched.last.connection_exc.reason)


asyncio.run(main())
PYTHON

cat >"$work/expected" <<'TEXT'
reset before the answer: InvalidMessage < EOFError < EOFError
reset after the answer: ConnectionClosedError < ConnectionResetError
certificate demanded: InvalidMessage < EOFError < EOFError
certificate demanded, what the connection knew: TLSV13_ALERT_CERTIFICATE_REQUIRED
TEXT
timeout 90 "$work/venv/bin/python" "$work/handshake.py" 2>"$work/log" | tee "$work/seen"
diff "$work/expected" "$work/seen" && echo "as described"

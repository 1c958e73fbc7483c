"""
The daemon behind everything that stands before a company's servers, on a machine without a store of authorities: a
private authority, a gateway that asks for a certificate, a proxy that asks for a password, and all of them renewed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl

import pytest
import trustme

from mycel_runtime.sdk import Client
from tests.acceptance.conftest import SOON_BACK, until, write_config
from tests.unit.sdk.proxies import http_proxy, relay
from tests.unit.sdk.wire import serving

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

NETWORK = """[network]
ca_file = "ca.pem"
client_cert = "agent.pem"
proxy = "{proxy}"
proxy_credentials_file = "proxy.credentials"
"""


class Gateway:
    """Ends TLS before the backend, and lets in who has a certificate of its authority."""

    def __init__(self, folder, backend):
        self._folder = folder
        self._backend = backend
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.shown = []

    def renew(self, agent):
        """A new authority signs everything anew: the gateway's certificate and the agent's."""
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").configure_cert(self.tls)
        self.tls.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
        authority.cert_pem.write_to_path(self._folder / "ca.new")
        issued = authority.issue_cert(agent)
        issued.private_key_and_cert_chain_pem.write_to_path(self._folder / "agent.new")
        for name in ("ca", "agent"):
            (self._folder / f"{name}.new").rename(self._folder / f"{name}.pem")

    def behave(self, peer, _server):
        self.shown.append(peer.connection.getpeercert()["subjectAltName"][0][1])
        with socket.create_connection(("127.0.0.1", self._backend.port), 10) as there:
            relay(peer.connection, there)


@contextlib.contextmanager
def speaking(household):
    """The owner, straight to the backend, and what the agent has answered."""
    with Client(base_url=household.base_url, auth_token=household.owner_token) as owner:
        chat = owner.chats.ensure_direct(household.agent_id)["id"]

        def ask(text):
            owner.messages.read(chat)
            owner.messages.send(chat, text)
            until(lambda: answers(text))
            return answers(text)

        def answers(text):
            return [
                each["content"]
                for each in owner.messages.list(chat)
                if each["sender_id"] == household.agent_id and each["content"].endswith(text)
            ]

        yield ask


def test_a_private_authority_a_client_certificate_and_a_proxy_are_the_road_and_are_renewed(
    start, household, backend, tmp_path
):
    (tmp_path / "a").mkdir()
    gateway = Gateway(tmp_path / "a", backend)
    gateway.renew("one")
    nowhere = {"SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path / "none")}
    with (
        serving(gateway.behave, gateway.tls) as server,
        serving(http_proxy("agent:s3cr3t")) as proxy,
        speaking(household) as ask,
    ):
        away = dataclasses.replace(household, base_url=server.base_url)
        config = write_config(tmp_path / "a", away, extra=NETWORK.format(proxy=proxy.base_url) + SOON_BACK)
        credentials = tmp_path / "a" / "proxy.credentials"
        credentials.write_text("agent:s3cr3t\n")
        credentials.chmod(0o600)
        owner = tmp_path / "owner.token"
        owner.write_text(household.owner_token)
        owner.chmod(0o600)

        agent = start("run", "--config", config, **nowhere)
        agent.wait_event("stream.connected")
        assert ask("hello") == ["echo: hello"]

        gateway.renew("two")
        backend.faults.drop_streams()
        until(lambda: len(agent.events("stream.connected")) == 2)
        assert ask("again") == ["echo: again"]

        told = start("send", "--config", config, "--token-file", owner, "by command", **nowhere)
        assert told.exit_code() == 0, told.transcript()
        assert agent.stop() == 0
    assert set(gateway.shown) == {"one", "two"}
    assert all(request.startswith(b"CONNECT ") for request in proxy.requests if request)
    assert "s3cr3t" not in agent.transcript() + told.transcript()

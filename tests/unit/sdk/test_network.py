"""`Network`: whom calls and stream trust, what they show, and through whom they go, in both colours alike."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import os
import socket
import ssl
import subprocess
from urllib.parse import quote

import pytest
import trustme

from mycel_runtime.errors import ApiError, NotSentError
from mycel_runtime.sdk import AsyncClient, Client, Network, calls
from mycel_runtime.sdk import network as network_module
from mycel_runtime.sdk import tls as tls_module
from mycel_runtime.sdk.http_message import CHUNK_BYTES
from mycel_runtime.sdk.network import Route, is_proxied
from mycel_runtime.sdk.tls import NetworkError
from mycel_runtime.sdk.transport import ClientUsageError
from tests.unit.sdk.proxies import http_proxy, intercepting, relay, socks_proxy
from tests.unit.sdk.upgraded import Upgraded, notify
from tests.unit.sdk.wire import answer, serving

READ = calls.whoami()
HEARD = [{"id": "x"}]


def behave(peer, server):
    """One request per connection, so that each needs a handshake."""
    request = peer.request()
    if not request:
        return
    server.requests.append(request)
    if b"/subscribe" in request:
        stream = Upgraded(peer, request)
        stream.say(notify(1))
        stream.hear()
        return
    peer.send(answer(b'{"id": "x"}', "200 OK", "application/json", "Connection: close"))


def forging(peer, server):
    """A proxy that opens the way to a backend, and says what that might say before it does."""
    request = peer.request()
    server.requests.append(request)
    opened = b"HTTP/1.1 200 OK\r\nX: " + b"y" * (CHUNK_BYTES - 24) + b"\r\n\r\n"
    _, _, port = request.split(b" ", 2)[1].rpartition(b":")
    with socket.create_connection(("127.0.0.1", int(port)), 10) as there:
        peer.send(opened + answer(b'{"id": "forged"}'))
        relay(peer.connection, there)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger():
    return trustme.CA()


def server_context(authority, name="127.0.0.1", **options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name, **options).configure_cert(context)
    return context


def pem(authority, path):
    """Written beside it and put there at once, as certificate tools do."""
    renewed = path.with_suffix(".new")
    authority.cert_pem.write_to_path(renewed)
    return renewed.rename(path)


def identity(authority, path, name="agent"):
    """A client's certificate with its key."""
    renewed = path.with_suffix(".new")
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(renewed)
    return renewed.rename(path)


def both(colour, server, network):
    """What a call and a stream come to."""
    options = {"network": network}
    return [
        *colour.calls(server.base_url, READ, **options),
        *colour.frames(server.base_url, 1, client=options),
    ]


def chain(error):
    """An exception and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def verification_errors(outcomes):
    """What OpenSSL had against each certificate."""
    return [
        next(each.verify_message for each in chain(outcome) if isinstance(each, ssl.SSLCertVerificationError))
        for outcome in outcomes
    ]


def test_a_private_authority_is_trusted_by_its_file_and_in_place_of_all_others(
    colour, authority, stranger, tmp_path
):
    ours, other = pem(authority, tmp_path / "ours.pem"), pem(stranger, tmp_path / "other.pem")
    with serving(behave, server_context(authority)) as server:
        assert both(colour, server, Network(ca_file=ours)) == [*HEARD, notify(1)]
        requests = len(server.requests)
        for network in (Network(), Network(ca_file=other), Network(trust="bundled")):
            outcomes = both(colour, server, network)
            assert [type(outcome) for outcome in outcomes] == [NotSentError] * 2
            assert len(verification_errors(outcomes)) == 2
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("certificate", "problem"),
    [
        ({"not_after": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "certificate has expired"),
        ({"name": "elsewhere.example"}, "IP address mismatch"),
    ],
    ids=["expired", "of another name"],
)
def test_what_is_wrong_with_a_certificate_stays_in_the_chain(
    colour, authority, tmp_path, certificate, problem
):
    network = Network(ca_file=pem(authority, tmp_path / "ca.pem"))
    with serving(behave, server_context(authority, **certificate)) as server:
        outcomes = both(colour, server, network)
    assert [type(outcome) for outcome in outcomes] == [NotSentError] * 2
    assert all(problem in found for found in verification_errors(outcomes))
    assert server.requests == []


class TestSystemStore:
    @pytest.mark.parametrize("how", ["file", "directory"])
    def test_the_environment_s_store_is_honoured(self, colour, authority, tmp_path, monkeypatch, how):
        ours = pem(authority, tmp_path / "ours.pem")
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.setenv("SSL_CERT_DIR", str(empty))
        if how == "file":
            monkeypatch.setenv("SSL_CERT_FILE", str(ours))
        else:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
            (empty / f"{_name_hash(ours)}.0").write_bytes(ours.read_bytes())
        with serving(behave, server_context(authority)) as server:
            assert both(colour, server, Network()) == [*HEARD, notify(1)]

    @pytest.fixture
    def without_a_store(self, tmp_path, monkeypatch):
        """As in a bare container; by the environment, which OpenSSL believes."""
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))

    @pytest.mark.usefixtures("without_a_store")
    def test_without_a_store_a_file_and_the_bundled_authorities_do(self, colour, authority, tmp_path):
        network = Network(ca_file=pem(authority, tmp_path / "ca.pem"))
        with serving(behave, server_context(authority)) as server:
            assert both(colour, server, network) == [*HEARD, notify(1)]
            verification_errors(both(colour, server, Network(trust="bundled")))

    @pytest.mark.usefixtures("without_a_store")
    @pytest.mark.parametrize("kind", [Client, AsyncClient])
    def test_a_store_that_the_environment_names_and_that_is_none_is_told(self, kind):
        with pytest.raises(NetworkError, match=r"SSL_CERT_FILE and SSL_CERT_DIR .* lead to no certificate"):
            kind(base_url="https://h")
        assert kind(base_url="http://h")

    @pytest.fixture
    def of_nothing(self, monkeypatch):
        """A Python that looks where nothing is, as in a bare container; of nobody's making."""
        nowhere = ssl.DefaultVerifyPaths(*[""] * 6)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        tls_module._shared_context.cache_clear()
        yield
        tls_module._shared_context.cache_clear()

    @pytest.mark.usefixtures("of_nothing")
    def test_a_system_that_has_none_trusts_the_bundled_authorities(self, tmp_path, monkeypatch):
        """What worked with certifi goes on working; the daemon says so."""
        monkeypatch.setattr(tls_module, "STORES", (str(tmp_path / "none"),))
        route = Route("https://h", Network())
        assert route.lacks_system_store
        assert route.tls.current().cert_store_stats()["x509_ca"] > 50

    @pytest.mark.usefixtures("of_nothing")
    def test_a_python_that_looks_elsewhere_finds_the_system_s(self, authority, tmp_path, monkeypatch):
        monkeypatch.setattr(
            tls_module, "STORES", (str(tmp_path / "none"), str(pem(authority, tmp_path / "ca")))
        )
        tls_module._shared_context.cache_clear()
        route = Route("https://h", Network())
        assert not route.lacks_system_store
        assert route.tls.current().cert_store_stats()["x509_ca"] == 1


def _name_hash(certificate):
    """How OpenSSL names its file in a directory."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", certificate]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout.strip()


class TestRenewal:
    def test_a_renewed_authority_is_trusted_by_a_client_that_lives(self, authority, stranger, tmp_path):
        file = pem(authority, tmp_path / "ca.pem")
        context = server_context(authority)
        with serving(behave, context) as server:
            url, network = server.base_url, Network(ca_file=file)
            with Client(auth_token="t", base_url=url, retries=0, network=network) as client:
                assert client.me.whoami() == {"id": "x"}
                stranger.issue_cert("127.0.0.1").configure_cert(context)
                with pytest.raises(NotSentError):
                    client.me.whoami()
                pem(stranger, file)
                assert client.me.whoami() == {"id": "x"}
                stream = client.notifications.stream()
                assert next(stream) == notify(1)
                stream.close()

    async def test_a_renewed_client_certificate_is_shown_at_the_next_connection(self, authority, tmp_path):
        """And a file that is being written does no harm: the former one is shown."""
        shown = []

        def look(peer, server):
            shown.append(peer.connection.getpeercert()["subjectAltName"][0][1])
            behave(peer, server)

        context = server_context(authority)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
        ca_file, own = pem(authority, tmp_path / "ca.pem"), identity(authority, tmp_path / "own.pem", "one")
        with serving(look, context) as server:
            options = {"auth_token": "t", "base_url": server.base_url, "retries": 0}
            network = Network(ca_file=ca_file, client_cert=own)
            async with AsyncClient(**options, network=network) as client:
                await client.me.whoami()
                own.write_text("half a fi")
                await client.me.whoami()
                identity(authority, own, "two")
                await client.me.whoami()
                async with contextlib.aclosing(client.notifications.stream()) as stream:
                    assert await anext(stream) == notify(1)
        assert shown == ["one", "one", "two", "two"]


class TestClientCertificate:
    @pytest.fixture
    def demanding(self, authority):
        context = server_context(authority)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
        return context

    @pytest.mark.parametrize("is_one_file", [True, False])
    def test_it_is_shown_by_calls_and_stream(self, colour, authority, demanding, tmp_path, is_one_file):
        ca_file = pem(authority, tmp_path / "ca.pem")
        if is_one_file:
            files = {"client_cert": identity(authority, tmp_path / "own.pem")}
        else:
            issued = authority.issue_cert("agent")
            issued.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
            issued.private_key_pem.write_to_path(tmp_path / "own.key")
            files = {"client_cert": str(tmp_path / "own.pem"), "client_key": str(tmp_path / "own.key")}
        with serving(behave, demanding) as server:
            assert both(colour, server, Network(ca_file=ca_file, **files)) == [*HEARD, notify(1)]

    def test_that_it_is_demanded_stays_in_the_chain(self, colour, authority, demanding, tmp_path):
        """With TLS 1.2; with 1.3 it is said after the handshake, and may be lost as the server hangs up."""
        demanding.maximum_version = ssl.TLSVersion.TLSv1_2
        network = Network(ca_file=pem(authority, tmp_path / "ca.pem"))
        with serving(behave, demanding) as server:
            outcomes = both(colour, server, network)
        for outcome in outcomes:
            assert type(outcome) is NotSentError
            (reason,) = {each.reason for each in chain(outcome) if isinstance(each, ssl.SSLError)}
            assert reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"
        assert server.requests == []


def encrypted_key(folder, authority):
    identity(authority, folder / "plain.pem")
    command = ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", folder / "plain.pem"]
    subprocess.run([*command, "-out", folder / "own.key"], check=True, timeout=30, capture_output=True)
    return {"client_cert": folder / "plain.pem", "client_key": folder / "own.key"}


def of_somebody_else(folder, authority):
    identity(authority, folder / "own.pem")
    authority.issue_cert("other").private_key_pem.write_to_path(folder / "other.key")
    return {"client_cert": folder / "own.pem", "client_key": folder / "other.key"}


def lonely_key(folder, _authority):
    return {"client_key": folder / "own.key"}


def no_pem(folder, _authority):
    (folder / "ca.pem").write_text("no certificate")
    return {"ca_file": folder / "ca.pem"}


def missing(folder, _authority):
    return {"ca_file": folder / "none.pem"}


def missing_key(folder, authority):
    return {"client_cert": identity(authority, folder / "own.pem"), "client_key": folder / "none.key"}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("files", "key", "problem"),
    [
        (encrypted_key, "client_key", "is encrypted"),
        (of_somebody_else, "client_cert", "does not belong to the key"),
        (lonely_key, "client_key", "is nothing without client_cert"),
        (no_pem, "ca_file", "is no PEM file"),
        (missing, "ca_file", "cannot be read: No such file"),
        (missing_key, "client_key", "cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_when_the_client_is_made(
    kind, authority, tmp_path, files, key, problem
):
    network = Network(**files(tmp_path, authority))
    with pytest.raises(NetworkError, match=problem) as caught:
        kind(base_url="https://h", network=network)
    assert caught.value.key == key
    assert "secret" not in str(caught.value)


# What must be quoted in an address is refused where websockets would send it quoted.
PASSWORD = "passw-rd" if network_module.WEBSOCKETS_SENDS_QUOTED else "p:ss/w@rd"
CREDENTIALS = ("me", PASSWORD)
AUTH = f"me:{PASSWORD}"
QUOTED = quote(PASSWORD, safe="")


class TestProxy:
    @pytest.mark.parametrize("is_encrypted", [True, False])
    @pytest.mark.parametrize("where", ["apart", "in the address"])
    def test_credentials_are_shown_for_calls_and_stream(
        self, colour, authority, tmp_path, is_encrypted, where
    ):
        context = server_context(authority) if is_encrypted else None
        with serving(behave, context) as server, serving(http_proxy(AUTH)) as proxy:
            options = (
                {"proxy": proxy.base_url, "proxy_auth": CREDENTIALS}
                if where == "apart"
                else {"proxy": proxy.base_url.replace("//", f"//me:{QUOTED}@")}
            )
            network = Network(ca_file=pem(authority, tmp_path / "ca.pem"), **options)
            assert both(colour, server, network) == [*HEARD, notify(1)]
            assert PASSWORD not in repr(network)
            assert QUOTED not in repr(network)
        assert len(proxy.requests) == 2

    @pytest.mark.parametrize("is_encrypted", [True, False])
    def test_wrong_credentials_get_nothing_through(self, colour, authority, tmp_path, is_encrypted):
        with (
            serving(behave, server_context(authority) if is_encrypted else None) as server,
            serving(http_proxy(AUTH)) as proxy,
        ):
            network = Network(
                ca_file=pem(authority, tmp_path / "ca.pem"),
                proxy=proxy.base_url,
                proxy_auth=("me", "password"),
            )
            call, frame = both(colour, server, network)
        assert isinstance(call, NotSentError) if is_encrypted else call.status_code == 407
        assert isinstance(call, ApiError)
        assert type(frame) is NotSentError
        assert "407" in str(call)
        assert "407" in str(frame)
        assert "password" not in str(call) + str(frame)
        assert server.requests == []

    def test_one_that_answers_in_the_backend_s_place_is_not_believed(self, colour, authority, tmp_path):
        """
        What it says behind its own answer has come before TLS, and must not pass for more.

        That answer fills a read; where the system hands it over in other pieces, the rest goes with it.
        """
        with serving(behave, server_context(authority)) as server, serving(forging) as proxy:
            network = Network(ca_file=pem(authority, tmp_path / "ca.pem"), proxy=proxy.base_url)
            (found,) = colour.calls(server.base_url, READ, network=network)
        assert type(found) is NotSentError or [found] == HEARD

    def test_one_that_looks_into_tls_needs_its_authority(self, colour, authority, stranger, tmp_path):
        """Its certificate is signed by the company's own authority, which `ca_file` names."""
        proxy = intercepting(server_context(stranger, "mycel.invalid"), behave)
        with serving(proxy) as server:
            base_url = "https://mycel.invalid"
            for file, expected in ((authority, [NotSentError] * 2), (stranger, [dict, dict])):
                network = Network(ca_file=pem(file, tmp_path / "ca.pem"), proxy=server.base_url)
                options = {"network": network}
                found = colour.calls(base_url, READ, **options)
                found += colour.frames(base_url, 1, client=options)
                assert [type(each) for each in found] == expected

    @pytest.mark.parametrize("is_encrypted", [True, False])
    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    @pytest.mark.parametrize("auth", [None, CREDENTIALS])
    def test_socks(self, colour, authority, tmp_path, is_encrypted, scheme, auth):
        """The proxy looks the name up, for calls and stream alike."""
        wanted = tuple(each.encode() for each in auth) if auth else None
        context = server_context(authority, "localhost") if is_encrypted else None
        with serving(behave, context) as server, serving(socks_proxy(wanted)) as proxy:
            network = Network(
                ca_file=pem(authority, tmp_path / "ca.pem"),
                proxy=proxy.base_url.replace("http", scheme),
                proxy_auth=auth,
            )
            base_url = server.base_url.replace("127.0.0.1", "localhost")
            found = colour.calls(base_url, READ, network=network)
            found += colour.frames(base_url, 1, client={"network": network})
        assert found == [*HEARD, notify(1)]
        assert proxy.requests == [b"localhost"] * 2

    def test_socks_without_the_extra_is_told_with_the_fix(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
        with pytest.raises(NetworkError, match=r"mycel-runtime\[socks\]"):
            Client(base_url="http://h", network=Network(proxy="socks5://p"))

    @pytest.mark.parametrize(
        ("proxy", "proxy_auth"),
        [("http://me:p%3Ass@p", None), ("http://p", ("me", "p:ss")), ("http://p", ("m@", "pass"))],
    )
    def test_credentials_that_websockets_would_send_quoted_are_refused(self, monkeypatch, proxy, proxy_auth):
        """Else calls pass, and the stream is refused by a proxy that is shown another password."""
        monkeypatch.setattr(network_module, "WEBSOCKETS_SENDS_QUOTED", True)
        with pytest.raises(NetworkError, match=r"pip install 'websockets>=16'") as caught:
            Client(base_url="http://h", network=Network(proxy=proxy, proxy_auth=proxy_auth))
        assert "p:ss" not in str(caught.value)
        assert "p%3Ass" not in str(caught.value)
        Client(base_url="http://h", network=Network(proxy="http://me:p-._~0@p")).close()

    def test_nobody_listens(self, colour):
        found = colour.calls("https://h", READ, network=Network(proxy="http://127.0.0.1:1"))
        found += colour.frames("http://h", 1, client={"network": Network(proxy="http://127.0.0.1:1")})
        for outcome in found:
            assert type(outcome) is NotSentError
            assert any(isinstance(each, OSError) for each in chain(outcome))


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def clean(self, monkeypatch):
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_its_proxy_is_used_if_that_is_asked_for(self, colour, monkeypatch, variable):
        with serving(behave) as server, serving(http_proxy(AUTH)) as proxy:
            monkeypatch.setenv(variable, proxy.base_url.replace("//", f"//me:{QUOTED}@"))
            assert both(colour, server, Network(proxy="environment")) == [*HEARD, notify(1)]
            assert len(proxy.requests) == 2
            assert both(colour, server, Network()) == [*HEARD, notify(1)]
            assert len(proxy.requests) == 2

    @pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "elsewhere,127.0.0.1"])
    def test_no_proxy_is_honoured(self, colour, monkeypatch, exempt):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", exempt)
        with serving(behave) as server:
            assert both(colour, server, Network(proxy="environment")) == [*HEARD, notify(1)]

    def test_a_proxy_of_it_that_is_none_is_named_by_its_variable(self, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "ftp://me:secret@proxy")
        with pytest.raises(NetworkError, match=r"^HTTPS_PROXY must start with") as caught:
            Client(base_url="https://h", network=Network(proxy="environment"))
        assert "secret" not in str(caught.value)


def test_clients_that_wish_the_same_share_one_context(authority, tmp_path):
    wish = {"ca_file": pem(authority, tmp_path / "ca.pem")}
    one, other = (Route("https://h", Network(**wish)).tls for _ in range(2))
    assert one is other
    assert one.current() is other.current()
    assert Route("http://h", Network(**wish)).tls is None
    assert Route("https://h", Network(trust="bundled")).tls is not one


def test_what_is_said_twice_is_refused():
    context = ssl.create_default_context()
    for options in (
        {"proxy": "http://p", "network": Network(proxy="http://p")},
        {"verify": context, "network": Network(ca_file="ca.pem")},
        {"network": Network(proxy_auth=("me", "secret"))},
    ):
        with pytest.raises(ClientUsageError):
            Client(base_url="https://h", **options)


def test_who_is_proxied_is_known_before_anybody_connects(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "mycel.test")
    environment = Network(proxy="environment")
    assert is_proxied("http://other.test", environment)
    assert not is_proxied("http://mycel.test", environment)
    assert not is_proxied("http://other.test", Network())
    assert is_proxied("http://other.test", Network(proxy="http://127.0.0.1:3128"))

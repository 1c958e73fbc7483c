"""
The SSL context of calls and stream: made once for all who wish the same, and again when a file has changed.

Making one reads all authorities, which takes some fifty times as long as everything else about a client. The standard
library's contexts rather than `truststore`: on Linux that reads the same files, but at every single handshake.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import certifi

from mycel_runtime.sdk.transport import ClientUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Trust = Literal["system", "bundled"]

STORES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
"""
Where systems keep their authorities, for a Python whose OpenSSL was built to look elsewhere.

Source: Debian and Arch, Fedora, Alpine and macOS, SUSE; the list of `truststore`.
"""

_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")
"""How OpenSSL names the files of a directory in which it finds authorities."""

_Signature = tuple[tuple[int, int, int] | None, ...]


class NetworkError(ClientUsageError):
    """
    A part of a `Network` cannot be used.

    Args:
        key: Which one.
        problem: What is wrong, one clause; never a secret.
        fix: What to do, an imperative sentence.
    """

    def __init__(self, key: str, problem: str, *, fix: str) -> None:
        self.key = key
        self.problem = problem
        self.fix = fix
        super().__init__(f"{key} {problem}\n  {fix}")


class TlsContext:
    """
    A context that is as its files are.

    Args:
        make: Makes one.
        files: What it is made from; looked at before each connection.

    Attributes:
        is_fallback: Whether the system has no store, so that certifi's authorities are trusted.

    Raises:
        NetworkError: A file cannot be used.
    """

    def __init__(
        self, make: Callable[[], ssl.SSLContext], files: Iterable[Path] = (), *, is_fallback: bool = False
    ) -> None:
        self._make = make
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._signature = _signature(self._files)
        self._context = make()
        self.is_fallback = is_fallback

    def current(self) -> ssl.SSLContext:
        """
        The context for a connection that is about to be made.

        While a renewed file cannot be used, perhaps because it is being written, the former context stays.
        """
        signature = _signature(self._files)
        if signature != self._signature:
            with self._lock:
                self._renew(signature)
        return self._context

    def _renew(self, signature: _Signature) -> None:
        try:
            self._context = self._make()
        except NetworkError:
            return
        self._signature = signature


def _signature(files: tuple[Path, ...]) -> _Signature:
    """Tells a file that was replaced or written from one that was not."""
    return tuple(map(_signature_of, files))


def _signature_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - a third of the time, before every connection
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def fixed_context(context: ssl.SSLContext) -> TlsContext:
    """Somebody's own."""
    return TlsContext(lambda: context)


def tls_context(
    *,
    ca_file: Path | None,
    client_cert: Path | None,
    client_key: Path | None,
    trust: Trust,
    is_verified: bool = True,
) -> TlsContext:
    """
    The context of all who wish the same.

    Args:
        ca_file: PEM; these authorities are trusted, and no others.
        client_cert: PEM, with intermediates; what we show a server that asks.
        client_key: PEM; `None` if it is in `client_cert`.
        trust: Whose authorities, without a `ca_file`.
        is_verified: Whether a server's certificate has to be good at all.

    Raises:
        NetworkError: A file cannot be used.
    """
    environment = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return _shared_context(ca_file, client_cert, client_key, trust, is_verified, environment)


@functools.lru_cache(maxsize=64)
def _shared_context(
    ca_file: Path | None,
    client_cert: Path | None,
    client_key: Path | None,
    trust: Trust,
    is_verified: bool,  # noqa: FBT001 - a key of the cache
    _environment: tuple[str | None, str | None],
) -> TlsContext:
    store = _store(ca_file, trust) if is_verified else _Store()

    def make() -> ssl.SSLContext:
        context = _trusting(store) if is_verified else _trusting_anybody()
        if client_cert is not None:
            _show(context, client_cert, client_key)
        # Once, before anybody uses it: OpenSSL frees the list that another thread's handshake may be copying.
        context.set_alpn_protocols(["http/1.1"])
        return context

    files = [*store.files, *(file for file in (client_cert, client_key) if file is not None)]
    return TlsContext(make, files, is_fallback=store.is_fallback)


class _Store:
    """Where authorities are; without a place, where OpenSSL looks by itself."""

    def __init__(self, file: Path | None = None, *, key: str = "", is_fallback: bool = False) -> None:
        self.file = file
        self.key = key
        self.is_fallback = is_fallback

    @property
    def files(self) -> list[Path]:
        if self.file is not None:
            return [self.file]
        paths = ssl.get_default_verify_paths()
        return [Path(path) for path in (paths.cafile, paths.capath) if path]


def _store(ca_file: Path | None, trust: Trust) -> _Store:
    """
    What is to be trusted.

    A system without any store (a bare container) trusts certifi's: nothing that would be safer is at hand, and an
    agent that worked goes on working. A store that somebody has named, and that is none, is his mistake.
    """
    if ca_file is not None:
        return _Store(ca_file, key="ca_file")
    if trust == "bundled":
        return _Store(Path(certifi.where()), key="trust")
    if _has_authorities():
        return _Store()
    if named := [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]:
        raise NetworkError(
            "trust",
            f'is "system", and {" and ".join(named)} of the environment lead to no certificate',
            fix=f'Correct or unset {" and ".join(named)}, or set ca_file, or trust = "bundled".',
        )
    found = next((Path(path) for path in STORES if Path(path).is_file()), None)
    return _Store(found) if found else _Store(Path(certifi.where()), key="trust", is_fallback=True)


def _has_authorities() -> bool:
    """Whether OpenSSL finds any where it looks by itself, or is told to look by the environment."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile and Path(paths.cafile).stat().st_size > 0:
        return True
    try:
        return bool(paths.capath) and any(map(_HASHED.fullmatch, os.listdir(paths.capath)))  # noqa: PTH208 - names
    except OSError:
        return False


def _trusting(store: _Store) -> ssl.SSLContext:
    if store.file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=store.file)
    except (OSError, ValueError) as exc:
        raise _unusable(store.key, store.file, exc, "certificates of authorities") from exc


def _trusting_anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password=_no_password)
    except _EncryptedKeyError as exc:
        raise NetworkError(
            "client_key" if key else "client_cert",
            f"({key or certificate}) is encrypted",
            fix=f"Write it without a password: openssl pkey -in '{key or certificate}' -out NEW, mode 0600.",
        ) from exc
    except (OSError, ValueError) as exc:
        raise _unusable(*_unreadable(certificate, key), exc, "a certificate and its key") from exc


class _EncryptedKeyError(ValueError):
    """Somebody would have to be asked."""


def _no_password() -> str:
    raise _EncryptedKeyError


def _unreadable(certificate: Path, key: Path | None) -> tuple[str, Path]:
    """Which of the two it is: OpenSSL does not say."""
    if key is not None and os.access(certificate, os.R_OK) and not os.access(key, os.R_OK):
        return "client_key", key
    return "client_cert", certificate


def _unusable(key: str, file: Path, exc: Exception, what: str) -> NetworkError:
    if isinstance(exc, ssl.SSLError) and exc.reason == "KEY_VALUES_MISMATCH":
        return NetworkError(
            key, f"({file}) does not belong to the key", fix="Set client_key to the certificate's."
        )
    if isinstance(exc, OSError) and not isinstance(exc, ssl.SSLError):
        return NetworkError(
            key, f"({file}) cannot be read: {exc.strerror}", fix="Correct path or permissions."
        )
    return NetworkError(key, f"({file}) is no PEM file with {what}", fix="Convert it, or name another one.")

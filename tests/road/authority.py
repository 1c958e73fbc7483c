"""A private certificate authority, and what it signs, made by openssl."""

from __future__ import annotations

import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
SECONDS = 30


def make_authority(folder):
    """
    Write PEM files: `ca` with its key, and signed by it, each with a key.

    `server` is for 127.0.0.1, `expired` was, `elsewhere` is for another name, `client` is shown by clients;
    `client.pem` has its key in it too.
    """
    _openssl(
        folder,
        "req",
        "-x509",
        *KEY,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=Road CA",
        "-days",
        "2",
    )
    _sign(folder, "server", "subjectAltName=IP:127.0.0.1,DNS:localhost", "2")
    _sign(folder, "expired", "subjectAltName=IP:127.0.0.1", "-1")
    _sign(folder, "elsewhere", "subjectAltName=DNS:elsewhere.example", "2")
    _sign(folder, "client", "extendedKeyUsage=clientAuth", "2")
    with (folder / "client.pem").open("a") as pem:
        pem.write((folder / "client.key").read_text())
    (folder / "client.pem").chmod(0o600)


def _sign(folder, name, extension, days):
    (folder / f"{name}.ext").write_text(extension)
    _openssl(folder, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days)
    _openssl(
        folder,
        "x509",
        "-req",
        "-in",
        f"{name}.csr",
        *signer,
        "-extfile",
        f"{name}.ext",
        "-out",
        f"{name}.pem",
    )


def _openssl(folder, *args):
    done = subprocess.run(
        ["openssl", *args], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr

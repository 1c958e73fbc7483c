"""`[network]` of a file: what cannot be used is told with file, line and fix, before anything is started."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.network import network_of
from mycel_runtime.errors import ConfigError
from mycel_runtime.sdk import Network
from mycel_runtime.settings import load_settings

AGENT = '[agent]\nname = "a"\nbase_url = "{address}"\n'


def read(folder, network, address="https://mycel.example.org"):
    config = folder / "agent.toml"
    config.write_text(AGENT.format(address=address) + "[network]\n" + network)
    return network_of(load_settings(config), config)


def test_every_key_arrives(tmp_path):
    (tmp_path / "proxy.credentials").write_text("me:secret")
    (tmp_path / "proxy.credentials").chmod(0o600)
    network = read(
        tmp_path,
        'ca_file = "ca.pem"\nclient_cert = "own.pem"\nclient_key = "own.key"\ntrust = "bundled"\n'
        'proxy = "http://proxy:3128"\nproxy_credentials_file = "proxy.credentials"\n',
        address="http://mycel.example.org",
    )
    assert network == Network(
        ca_file=tmp_path / "ca.pem",
        client_cert=tmp_path / "own.pem",
        client_key=tmp_path / "own.key",
        proxy="http://proxy:3128",
        proxy_auth=("me", "secret"),
        trust="bundled",
    )


@pytest.mark.parametrize(
    ("line", "key", "problem", "fix"),
    [
        ('ca_file = "none.pem"', "ca_file", "cannot be read: No such file", "path or permissions"),
        ('ca_file = "agent.toml"', "ca_file", "is no PEM file with certificates", "Convert it"),
        ('client_cert = "agent.toml"', "client_cert", "is no PEM file with a certificate", "Convert it"),
        ('client_key = "own.key"', "client_key", "is nothing without client_cert", "Set client_cert too."),
        ('proxy = "socks5://p"', "proxy", "is a SOCKS proxy", "pip install 'mycel-runtime[socks]'"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path, monkeypatch, line, key, problem, fix):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"\n{line}\n")
    assert f"agent.toml, line 6: [network] {key}: " in str(caught.value)
    assert problem in str(caught.value)
    assert fix in str(caught.value)


def test_what_the_environment_has_set_is_told_of_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MYCEL_RUNTIME_NETWORK__CA_FILE", "none.pem")
    with pytest.raises(ConfigError, match=r"^environment variable MYCEL_RUNTIME_NETWORK__CA_FILE: "):
        read(tmp_path, "")

    monkeypatch.delenv("MYCEL_RUNTIME_NETWORK__CA_FILE")
    monkeypatch.setenv("https_proxy", "ftp://me:secret@proxy")
    with pytest.raises(ConfigError, match=r"^environment variable https_proxy: must start with") as caught:
        read(tmp_path, 'proxy = "environment"\n')
    assert "secret" not in str(caught.value)


def test_an_embedded_backend_needs_no_network(tmp_path):
    assert read(tmp_path, 'ca_file = "none.pem"\n', address="embedded") == Network()

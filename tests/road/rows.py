"""All rows of the suite."""

from __future__ import annotations

from tests.road.row import Row

FORWARD = '[network]\nproxy = "http://127.0.0.1:@port@"\n'
WITH_CREDENTIALS = (
    '[network]\nproxy = "http://127.0.0.1:@port@"\nproxy_credentials_file = "@folder@/proxy.credentials"\n'
)
PRIVATE_CA = '[network]\nca_file = "@folder@/ca.pem"\n'
CLIENT_CERT = f'{PRIVATE_CA}client_cert = "@folder@/client.pem"\n'
INTERCEPTED = f'{FORWARD}ca_file = "@folder@/mitmproxy-/mitmproxy-ca-cert.pem"\n'

SLOWED = {"causes": ("rate_limited",), "wrong_causes": ("backend_down",), "bound": 60.0, "ready_within": 10.0}
"""Ten messages in five seconds are more than the limit allows: until they are answered, few looks have their turn."""

DIRECT = "http://127.0.0.1:@upstream@"
SECURE = "https://127.0.0.1:@port@"

SENDS = ("POST", "/messages$")


def slow_sends(gateway):
    """Each send is carried out, later than the gateway before it waits."""
    gateway.hold(4.0, *SENDS, count=3)


def nginx(configuration, **facts):
    """A row of nginx."""
    return Row(f"nginx/{configuration}", "nginx", f"{configuration}.conf", **facts)


def haproxy(configuration, **facts):
    """A row of haproxy."""
    return Row(f"haproxy/{configuration}", "haproxy", f"{configuration}.cfg", **facts)


def apache(configuration, **facts):
    """A row of apache."""
    return Row(f"apache/{configuration}", "apache", f"{configuration}.conf", **facts)


def forward(program, configuration, **facts):
    """A row of a proxy that the daemon is told to use."""
    given = {"base_url": DIRECT, "settings": FORWARD} | facts
    return Row(f"{program}/{configuration}", program, f"{configuration}.conf", **given)


def varnish(configuration, **facts):
    """A row of varnish."""
    return Row(f"varnish/{configuration}", "varnish", f"{configuration}.vcl", **facts)


ROWS = (
    nginx("plain", ready_share=0.8),
    nginx("prefix", base_url="http://127.0.0.1:@port@/mycel/", ready_share=0.8),
    nginx("no_upgrade", causes=("upgrade_missing",)),
    nginx("limit_req", **SLOWED),
    nginx("limit_req_burst", **SLOWED),
    # Once the stream has made way, two calls at once are refused too: the pace makes them one by one, and says so.
    nginx("limit_conn", causes=("connection_limit",), wrong_causes=("backend_down",), bound=60.0),
    nginx("quiet_streams", pause=6.0, ready_share=0.6),
    nginx("impatient", behind=slow_sends, bound=60.0),
    nginx("error_page", pause=0.0, bound=60.0),
    nginx("auth_basic", causes=("credentials_demanded",), is_mended=True, bound=60.0),
    nginx("login_redirect", causes=("redirected",), is_mended=True, bound=60.0),
    nginx("login_page", causes=("login_page",), is_mended=True, bound=60.0),
    nginx("maintenance", causes=("maintenance", "rate_limited"), is_mended=True, bound=60.0),
    nginx("small_bodies", causes=("body_too_large",), is_mended=True, bound=60.0),
    nginx("tls", base_url=SECURE, settings=PRIVATE_CA, ready_share=0.8),
    Row(
        *("nginx/tls_unknown_authority", "nginx", "tls.conf"),
        base_url=SECURE,
        causes=("unknown_authority",),
        is_hopeless=True,
    ),
    nginx(
        "tls_expired", base_url=SECURE, settings=PRIVATE_CA, causes=("certificate_expired",), is_hopeless=True
    ),
    nginx("tls_name", base_url=SECURE, settings=PRIVATE_CA, causes=("certificate_name",), is_hopeless=True),
    nginx("tls_client", base_url=SECURE, settings=CLIENT_CERT, ready_share=0.8),
    Row(
        *("nginx/tls_client_without", "nginx", "tls_client.conf"),
        base_url=SECURE,
        settings=PRIVATE_CA,
        causes=("client_certificate_demanded",),
        is_hopeless=True,
    ),
    haproxy("plain", ready_share=0.8),
    haproxy("tunnel_timeout", pause=6.0, ready_share=0.6),
    haproxy("client_timeout", pause=6.0, ready_share=0.4),
    haproxy("deny", causes=("proxy_refused", "foreign_answer"), is_mended=True, bound=60.0),
    haproxy("stick_table", **SLOWED),
    haproxy("maxconn", causes=("connection_limit",), bound=60.0),
    # Each refusal takes three seconds: too few come in five to give the stream up, and nothing has passed by then.
    haproxy("server_maxconn", causes=("connection_limit",), bound=60.0),
    apache("wstunnel", ready_share=0.8),
    apache("no_wstunnel", causes=("upgrade_missing",)),
    apache("proxy_timeout", pause=6.0, ready_share=0.4),
    forward("squid", "plain", ready_share=0.8),
    forward("squid", "debian", causes=("proxy_refused",)),
    forward("squid", "no_connect", causes=("proxy_refused",)),
    forward("squid", "basic", settings=WITH_CREDENTIALS, ready_share=0.8),
    Row(
        *("squid/basic_without", "squid", "basic.conf"),
        base_url=DIRECT,
        settings=FORWARD,
        causes=("proxy_refused",),
        is_mended=True,
        bound=60.0,
    ),
    forward("tinyproxy", "plain", ready_share=0.8),
    forward("tinyproxy", "connect_port", causes=("proxy_refused",)),
    forward("tinyproxy", "quiet_streams", pause=6.0, ready_share=0.6),
    varnish("pipe", ready_share=0.8),
    varnish("plain", causes=("upgrade_missing",)),
    Row(
        *("mitmproxy/reverse", "mitmproxy", ""),
        extra=("--mode", "reverse:http://127.0.0.1:@upstream@"),
        ready_share=0.8,
    ),
    Row(
        *("mitmproxy/intercepting", "mitmproxy", ""),
        extra=("--set", "ssl_verify_upstream_trusted_ca=@folder@/ca.pem"),
        base_url="https://127.0.0.1:@upstream@",
        settings=INTERCEPTED,
        has_tls=True,
        ready_share=0.8,
    ),
    Row("proxy.py/plain", "proxy.py", base_url=DIRECT, settings=FORWARD, pause=6.0, ready_share=0.6),
)

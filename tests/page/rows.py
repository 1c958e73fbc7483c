"""What is to be seen of the page in a real browser: a row each, in order, on one stage."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.conftest import until
from tests.integration.http.conftest import NAME
from tests.integration.http.raw import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.http.conftest import Stage
    from tests.page.browser import Browser, Tab

AXE = Path(__file__).parents[2] / ".venv/page/node_modules/axe-core/axe.min.js"

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844, "phone": True}
SCREENS = {
    "light": DESKTOP,
    "dark": {**DESKTOP, "dark": True},
    "phone": PHONE,
    "phone, dark": {**PHONE, "dark": True},
}

ROWS = {}


def row(function):
    """One of them, under its name."""
    ROWS[function.__name__.replace("_", " ")] = function
    return function


def address(stage: Stage) -> str:
    return "http://{}:{}/".format(*stage.address)


def opened(stage: Stage, browser: Browser, **screen) -> Tab:
    """A tab that shows the page."""
    tab = browser.tab()
    tab.look(reduced=True, **(screen or DESKTOP))
    tab.open(address(stage))
    tab.until("!document.getElementById('main').hidden && document.querySelectorAll('#log li').length > 3")
    return tab


def signed_in(stage: Stage, browser: Browser, **screen) -> Tab:
    tab = opened(stage, browser, **screen)
    tab.run("document.getElementById('session').click()")
    tab.write(stage.token)
    tab.press("Enter")
    tab.until("document.getElementById('session').innerText === 'Sign out'")
    return tab


@row
def looks(stage: Stage, browser: Browser, folder: Path) -> Iterator[str]:
    """On each screen: axe finds nothing serious, nothing hangs over, nothing is complained of; a picture of it."""
    for name, screen in SCREENS.items():
        tab = signed_in(stage, browser, **screen)
        tab.until(
            "document.querySelector('#letters button') && document.querySelector('#charts svg') !== null"
        )
        yield f"{name}: {axe(tab)}"
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), name
        tab.picture(folder / f"{name.replace(', ', '-')}.png")
        tab.run("document.querySelector('[data-key^=drop]').click()")
        yield f"{name}, asked whether it means it: {axe(tab)}"
        tab.picture(folder / f"{name.replace(', ', '-')}-dialog.png")
        assert tab.complaints() == []
        foreign = [url for url in tab.requests() if not url.startswith(address(stage))]
        assert foreign == [], foreign


def axe(tab: Tab) -> str:
    """What it has found; fails for what is serious."""
    tab.run(AXE.read_text())
    found = tab.run("axe.run(document).then(({violations, passes}) => ({violations, passes: passes.length}))")
    told = [
        f"{each['impact']}: {each['id']}: " + "; ".join(node["html"][:120] for node in each["nodes"][:3])
        for each in found["violations"]
    ]
    assert not [each for each in found["violations"] if each["impact"] in {"serious", "critical"}], told
    return f"axe passes {found['passes']} rules, finds {told or 'nothing'}"


@row
def keyboard(stage: Stage, browser: Browser, folder: Path) -> Iterator[str]:
    """Sign in, retry a dead letter and settle a send without a mouse; the focus stays where one works."""
    tab = opened(stage, browser)
    tab.press("Tab")
    assert tab.focused() == "Skip to the agent"
    tab.tab_to("Sign in to act")
    tab.press("Enter")
    tab.until("document.activeElement.id === 'token'")
    tab.write("not the token at all")
    tab.press("Enter")
    tab.until("document.getElementById('token-problem').innerText.includes('not the token')")
    tab.write(stage.token)
    tab.press("Enter")
    tab.until("!document.getElementById('token-dialog').open")
    sent = tab.until("document.querySelector('[data-key^=sent]')?.getAttribute('aria-label')")
    tab.tab_to(sent)
    tab.press("Enter")
    tab.until("document.getElementById('confirm-dialog').open")
    tab.tab_to("It was sent")
    tab.press("Enter")
    tab.until("document.querySelector('[data-key^=sent]') === null")
    yield f"{sent}: settled"
    stage.backend.faults.clear()
    letter = tab.until("document.querySelector('[data-key^=retry]')?.getAttribute('aria-label')")
    tab.tab_to(letter)
    (stage.folder / "mended").touch()
    tab.press("Enter")
    tab.until(
        f"document.getElementById('news').textContent.includes('{letter.removeprefix('Retry ')} is tried')"
    )
    assert until(lambda: "heard: fail first" in stage.texts())
    (stage.folder / "mended").unlink()
    tab.until(f"![...document.querySelectorAll('button')].some(each => each.ariaLabel === '{letter}')")
    yield f"{letter}: answered"
    dropped = tab.until("document.querySelector('[data-key^=drop]')?.getAttribute('aria-label')")
    tab.tab_to(dropped)
    tab.press("Enter")
    tab.until("document.getElementById('confirm-dialog').open")
    tab.press("Escape")
    tab.until("!document.getElementById('confirm-dialog').open")
    assert tab.focused() == dropped, tab.focused()
    tab.press(" ")
    tab.tab_to("Drop")
    tab.press("Enter")
    tab.until(f"![...document.querySelectorAll('button')].some(each => each.ariaLabel === '{dropped}')")
    yield f"{dropped}: gone, after one Escape"
    tab.tab_to("Sign out")
    tab.press("Enter")
    tab.until("document.getElementById('session').innerText === 'Sign in to act'")
    assert tab.run("document.querySelectorAll('#letters button').length") == 0
    tab.picture(folder / "after-the-keyboard.png")


@row
def names_of_the_servers(stage: Stage, browser: Browser, folder: Path) -> Iterator[str]:
    """A display name of markup is a text; and nothing could make it more."""
    tab = opened(stage, browser)
    assert tab.until(f"document.getElementById('log').innerText.includes({json.dumps(NAME)})")
    assert tab.run("document.querySelectorAll('img').length") == 1
    assert "mycel-runtime" in tab.run("document.title")
    for attempt in (
        "document.body.innerHTML = '<b>x</b>'",
        "document.querySelector('img').setAttribute('onerror', 'document.title = 1')",
        "document.createElement('script').src = '/charts.js'",
    ):
        assert tab.run(f"(() => {{ try {{ {attempt} }} catch (e) {{ return e.name }} }})()"), attempt
    yield f"{NAME} is shown as text, and no text can be made more"


@row
def other_sites(stage: Stage, browser: Browser, folder: Path) -> Iterator[str]:
    """Pages of another port and of a rebound name, with the operator signed in beside them."""
    before = ask(stage.address, path="/page/overview").json["agents"][0]["dead_letters"]
    assert before
    with _elsewhere() as elsewhere:
        tab = signed_in(stage, browser)
        tab.open(elsewhere)
        tab.until(f"location.href === {json.dumps(elsewhere)}")
        outcome = tab.run(f"({ATTACKS})({json.dumps(address(stage))}, {before[0]['id']})")
        assert set(outcome.values()) == {"refused"}, outcome
        tab.open(elsewhere.replace("127.0.0.1", "evil.example"))
        tab.until("location.hostname === 'evil.example'")
        rebound = f"http://evil.example:{stage.address[1]}/"
        far = tab.run(f"({ATTACKS})({json.dumps(rebound)}, {before[0]['id']})")
        assert set(far.values()) == {"refused"}, far
        tab.open(rebound)
        tab.until("document.body.innerText.includes('the request is for another host')")
    after = ask(stage.address, path="/page/overview").json["agents"][0]["dead_letters"]
    assert [each["id"] for each in after] == [each["id"] for each in before]
    yield f"{', '.join(outcome)}: refused, from another port and by a name that was rebound"


ATTACKS = """
async (page, letter) => {
  const tried = {};
  const note = async (name, work) => {
    try { tried[name] = (await work()) ? "got through" : "refused"; } catch { tried[name] = "refused"; }
  };
  const drop = `${page}page/agents/agent/drop`;
  const body = JSON.stringify({ dead_letter_id: letter });
  await note("read", async () => (await fetch(`${page}page/overview`, { credentials: "include" })).ok);
  await note("act", async () => (await fetch(drop, {
    method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body })).ok);
  await note("act unseen", async () => {
    await fetch(drop, { method: "POST", credentials: "include", mode: "no-cors", body });
    return false;
  });
  await note("beacon", async () => { navigator.sendBeacon(drop, body); return false; });
  const loaded = (made) => new Promise((done) => {
    made.onload = () => done(true);
    made.onerror = () => done(false);
    setTimeout(() => done(false), 2000);
    document.body.append(made);
  });
  await note("script", () => loaded(Object.assign(document.createElement("script"), { src: `${page}page.js` })));
  await note("picture", () => loaded(Object.assign(new Image(), { src: `${page}icon.svg` })));
  await note("log", () => new Promise((done) => {
    const source = new EventSource(`${page}page/events`, { withCredentials: true });
    source.onmessage = () => done(true);
    source.onerror = () => { source.close(); done(false); };
  }));
  await note("frame", async () => {
    const frame = Object.assign(document.createElement("iframe"), { src: page });
    await loaded(frame);
    try { return frame.contentDocument !== null && frame.contentDocument.getElementById("main") !== null; }
    catch { return false; }
  });
  return tried;
}
"""


@contextlib.contextmanager
def _elsewhere() -> Iterator[str]:
    """The address of an empty page of somebody else's."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@row
def a_daemon_that_goes(stage: Stage, browser: Browser, folder: Path) -> Iterator[str]:
    """It says so, and goes on where there is one again; the last row, because it ends the daemon."""
    tab = opened(stage, browser)
    stage.process.stop()
    tab.until("document.getElementById('connection').innerText.startsWith('no answer')")
    tab.picture(folder / "gone.png")
    yield "the page says that nobody answers"

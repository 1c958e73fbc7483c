"""What is answered, once the guard has let a request pass."""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, Router

from mycel_runtime.daemon.http.acts import ACTS
from mycel_runtime.daemon.http.guard import Request as GuardRequest
from mycel_runtime.daemon.http.guarded_app import IS_SIGNED_IN, session_key
from mycel_runtime.daemon.http.recent_facts import shown
from mycel_runtime.daemon.http.samples import SAMPLE_SECONDS
from mycel_runtime.daemon.http.sign_in import COOKIE, SESSION_SECONDS, TooManyFailuresError
from mycel_runtime.daemon.metrics.exposition import expose, import_library
from mycel_runtime.daemon.metrics.process_metrics import process_families
from mycel_runtime.daemon.probes import readiness_of
from mycel_runtime.daemon.release import VERSION
from mycel_runtime.observe.facts import PageActed, PageRefused, PageSignedIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from prometheus_client.core import Metric as Family
    from starlette.requests import Request

    from mycel_runtime.daemon.http.recent_facts import RecentFacts
    from mycel_runtime.daemon.http.served_agent import ServedAgent
    from mycel_runtime.daemon.http.sign_in import SignIn
    from mycel_runtime.observe.observer import Observer

EVENTS: Final = "/page/events"

_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/elements.js": ("elements.js", "text/javascript"),
    "/charts.js": ("charts.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Nothing else is served from the disk, whatever the path says."""

_SIGN_IN: Final = "/page/session"
OPEN_PATHS: Final = frozenset({"/livez", _SIGN_IN, *_FILES})

_STREAMS: Final = 16
"""Live logs at once."""

_BEAT_SECONDS: Final = 15.0
"""Between two signs of life of a quiet log."""

_PACE_SECONDS: Final = 0.25
"""Between two batches of the log, at least."""

_BATCH: Final = 100


class Routes:
    """
    The routes of one listener.

    Args:
        agents: By name; filled by the time that it answers.
        sign_in: Who may act.
        facts: For the live log.
        observer: Told of what is done here.
    """

    def __init__(
        self,
        agents: Mapping[str, ServedAgent],
        *,
        sign_in: SignIn,
        facts: RecentFacts,
        observer: Observer,
    ) -> None:
        self._agents = agents
        self._sign_in = sign_in
        self._facts = facts
        self._observer = observer
        self._streams = 0
        self._run = secrets.token_hex(4)

    def app(self) -> Router:
        """All of them; what they raise reaches the guard, as it does not through Starlette's own application."""
        return Router(
            redirect_slashes=False,
            routes=[
                *(Route(path, functools.partial(_file, *each)) for path, each in _FILES.items()),
                Route("/livez", self._livez),
                Route("/readyz", self._readyz),
                Route("/status", self._status),
                Route("/metrics", self._metrics),
                Route("/page/overview", self._overview),
                Route("/page/agents/{name}/samples", self._samples),
                Route("/page/agents/{name}/conversations", self._conversations),
                Route("/page/agents/{name}/{verb}", self._act, methods=["POST"]),
                Route(EVENTS, self._events),
                Route(_SIGN_IN, self._open_session, methods=["POST"]),
                Route(f"{_SIGN_IN}/end", self._close_session, methods=["POST"]),
            ],
        )

    async def _livez(self, _request: Request) -> Response:
        return JSONResponse({"live": True})

    async def _readyz(self, _request: Request) -> Response:
        agents = {}
        for name, agent in self._agents.items():
            agents[name] = readiness_of(await agent.status.get())
            agents[name]["ready"] = agents[name]["ready"] and not agent.has_ended
        is_ready = all(each["ready"] for each in agents.values())
        return JSONResponse({"ready": is_ready, "agents": agents}, status_code=200 if is_ready else 503)

    async def _status(self, _request: Request) -> Response:
        statuses = [await agent.status.get() for agent in self._agents.values()]
        return JSONResponse({"agents": [status.model_dump(mode="json") for status in statuses]})

    async def _metrics(self, request: Request) -> Response:
        await import_library()
        text, content_type = expose(await self._families(), request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    async def _families(self) -> list[Family]:
        families = [family for agent in self._agents.values() for family in await agent.families()]
        return [*families, *process_families(VERSION)]

    async def _overview(self, request: Request) -> Response:
        has_token = await self._sign_in.has_token()
        return JSONResponse(
            {
                "signed_in": request.scope[IS_SIGNED_IN],
                "has_token": has_token,
                "verbs": sorted(ACTS),
                "agents": [await agent.overview.get() for agent in self._agents.values()],
            }
        )

    async def _samples(self, request: Request) -> Response:
        if (agent := self._agents.get(request.path_params["name"])) is None:
            return _no_such_agent()
        after = _number(request.query_params.get("after", "0"))
        return JSONResponse({"seconds": SAMPLE_SECONDS, "samples": agent.samples.after(after)})

    async def _conversations(self, request: Request) -> Response:
        if (agent := self._agents.get(request.path_params["name"])) is None:
            return _no_such_agent()
        return JSONResponse({"conversations": (await agent.conversations.get()).shown})

    async def _act(self, request: Request) -> Response:
        agent = self._agents.get(request.path_params["name"])
        act = ACTS.get(request.path_params["verb"])
        if not request.scope[IS_SIGNED_IN]:
            return JSONResponse({"detail": "wants the token"}, status_code=401)
        if agent is None or act is None:
            return _no_such_agent()
        arguments, do = act
        try:
            wanted = arguments.model_validate_json(await request.body())
        except ValidationError:
            return JSONResponse({"detail": "not what this verb takes"}, status_code=422)
        if (admin := agent.admin) is None:
            return JSONResponse({"detail": "the agent is not at work"}, status_code=409)
        is_done = await do(admin, wanted, await agent.chat_ids())
        agent.forget()
        subject = " ".join(str(value) for value in wanted.model_dump().values() if value != "")
        agent.tell(PageActed(verb=request.path_params["verb"], subject=subject, is_done=is_done))
        return JSONResponse({"done": is_done})

    async def _open_session(self, request: Request) -> Response:
        try:
            shown_token = _Shown.model_validate_json(await request.body()).token
        except ValidationError:
            return JSONResponse({"detail": "not what this takes"}, status_code=422)
        try:
            key = await self._sign_in.open(shown_token)
        except TooManyFailuresError as exc:
            self._observer.tell(PageRefused(status=429, reason="too many wrong tokens"))
            headers = {"Retry-After": str(int(exc.retry_after) + 1)}
            return JSONResponse({"detail": "too many wrong tokens"}, status_code=429, headers=headers)
        if key is None:
            self._observer.tell(PageRefused(status=401, reason="a wrong token"))
            return JSONResponse({"detail": "that is not the token"}, status_code=401)
        self._observer.tell(PageSignedIn())
        answer = JSONResponse({"signed_in": True})
        _set_cookie(answer, request, key, SESSION_SECONDS)
        return answer

    async def _close_session(self, request: Request) -> Response:
        pairs = tuple((name.lower(), value) for name, value in request.headers.items())
        self._sign_in.close(session_key(GuardRequest(request.method, request.url.path, pairs)))
        answer = JSONResponse({"signed_in": False})
        _set_cookie(answer, request, "", 0)
        return answer

    async def _events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._streams >= _STREAMS:
            return JSONResponse({"detail": "too many live logs"}, status_code=503)
        run, _, number = request.headers.get("last-event-id", "").partition("-")
        return StreamingResponse(
            self._stream(int(_number(number)) if run == self._run else 0), media_type="text/event-stream"
        )

    async def _stream(self, after: int) -> AsyncIterator[str]:
        """Server-sent events: facts in batches, from the oldest on, and how many went by too fast for this reader."""
        self._streams += 1
        newest = self._facts.newest
        try:
            while not self._facts.is_closed:
                try:
                    async with asyncio.timeout(_BEAT_SECONDS):
                        await self._facts.wait_after(after)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                news = self._facts.after(after)[:_BATCH]
                if not news:
                    continue
                batch = {
                    "missed": news[-1].number - after - len(news) if after >= newest else 0,
                    "facts": [shown(each) for each in news],
                }
                after = news[-1].number
                yield f"id: {self._run}-{after}\ndata: {json.dumps(batch)}\n\n"
                await asyncio.sleep(_PACE_SECONDS)
        finally:
            self._streams -= 1


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: str


async def _file(file: str, media_type: str, _request: Request) -> Response:
    return Response(_content(file), media_type=media_type)


@functools.cache
def _content(file: str) -> bytes:
    """Read once, when the listener opens: the installation may be replaced while the daemon runs."""
    return (files("mycel_runtime.daemon.http") / "static" / file).read_bytes()


def read_files() -> None:
    """Read all that will be served."""
    for file, _ in _FILES.values():
        _content(file)


def _set_cookie(answer: Response, request: Request, key: str, seconds: int) -> None:
    answer.set_cookie(
        COOKIE,
        key,
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=request.headers.get("origin", "").startswith("https://"),
    )


def _no_such_agent() -> Response:
    return JSONResponse({"detail": "no such agent or verb"}, status_code=404)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0

"""What all endpoints share: who calls, on what, and how an answer is written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import pydantic_core
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, model_validator

from mycel_runtime.backend.service import SERVICE, Service
from mycel_runtime.backend.world.entities import User  # noqa: TC001 - FastAPI resolves annotations at run time
from mycel_runtime.backend.world.refusal import Broken
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import World


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request."""

    service: Service
    user: User

    @property
    def world(self) -> World:
        """The world."""
        return self.service.world


_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""In JSON: an escape that is not itself escaped."""


class Body(BaseModel):
    """A request's body."""

    @model_validator(mode="before")
    @classmethod
    def _is_json(cls, value: Any) -> Any:
        """No half of a surrogate pair: Python's parser lets it in, nothing lets it out again."""
        try:
            pydantic_core.to_json(value)
        except pydantic_core.PydanticSerializationError as exc:
            raise ValueError("not storable as JSON") from exc
        return value


class Strict(Body):
    """A body that refuses unknown fields (contract 1.3)."""

    model_config = ConfigDict(extra="forbid")


async def service_of(request: Request) -> Service:
    """
    The service that the application was built on.

    Raises:
        Broken: The body has a text in it that the real database does not take.
    """
    service: Service = request.scope[SERVICE]
    await _check_text(request, service)
    return service


async def identified(request: Request) -> Call:
    """
    Whoever calls, whatever he says.

    Raises:
        Refused: 401.
    """
    service: Service = request.scope[SERVICE]
    return Call(service, service.authenticate(request.headers.get("authorization", "")))


async def authenticated(request: Request) -> Call:
    """
    Whoever calls.

    Raises:
        Refused: 401.
        Broken: As `service_of`.
    """
    call = await identified(request)
    await _check_text(request, call.service)
    return call


Anybody = Annotated[Service, Depends(service_of)]
Caller = Annotated[Call, Depends(authenticated)]
UncheckedCaller = Annotated[Call, Depends(identified)]


async def _check_text(request: Request, service: Service) -> None:
    """Only an escape can bring in what is looked for, and hardly a body has one."""
    body = await request.body()
    if b"\\u" in body and service.quirks.text_must_be_storable and not is_storable_text(json.loads(body)):
        raise Broken("unsupported Unicode escape sequence")


def is_storable_text(value: object) -> bool:
    """Whether there is neither a NUL nor half of a surrogate pair in any text: PostgreSQL takes neither."""
    try:
        return _NUL.search(pydantic_core.to_json(value)) is None
    except pydantic_core.PydanticSerializationError:
        return False


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON, as plain as it gets."""
    return Response(pydantic_core.to_json(value), status, headers, "application/json")

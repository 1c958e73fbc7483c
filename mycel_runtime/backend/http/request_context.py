"""What all endpoints share: who calls, on what, and how an answer is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pydantic_core
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, model_validator

from mycel_runtime.backend.service import Service
from mycel_runtime.backend.world.entities import User  # noqa: TC001 - FastAPI resolves annotations at run time

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


class Body(BaseModel):
    """A request's body."""

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
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
    """The service that the application was built on."""
    service: Service = request.app.state.service
    return service


async def authenticated(request: Request) -> Call:
    """
    Whoever calls.

    Raises:
        Refused: 401.
    """
    service: Service = request.app.state.service
    return Call(service, service.authenticate(request.headers.get("authorization", "")))


Anybody = Annotated[Service, Depends(service_of)]
Caller = Annotated[Call, Depends(authenticated)]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON, as plain as it gets."""
    return Response(pydantic_core.to_json(value), status, headers, "application/json")

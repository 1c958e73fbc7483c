"""Functions of the owner's that a model may call: a Python file, whose public functions with types are the tools."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import PydanticUserError, TypeAdapter, ValidationError, validate_call
from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

    from mycel_runtime_plugins.llm.answer import ToolCall

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")
"""What both vendors take for a tool's name."""


class ToolsError(Exception):
    """The file is none of tools; the text is for its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """
    What a model is told of a tool.

    Attributes:
        schema: Of its arguments, as JSON schema; others are forbidden.
    """

    name: str
    description: str
    schema: dict[str, Any]
    function: Callable[..., Any] = field(repr=False)


@functools.lru_cache(maxsize=16)
def load_tools(path: Path) -> Mapping[str, ToolSpec]:
    """
    The tools of a file, by name; loaded once.

    Raises:
        ToolsError: It cannot be loaded, has no function, or one that no model could call.
    """
    name = f"mycel_runtime_llm_tools_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ToolsError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as exc:
        raise ToolsError(f"{path} cannot be imported: {type(exc).__name__}: {exc}") from exc
    tools = {each.__name__: _tool(each, path) for each in _functions(module)}
    if not tools:
        raise ToolsError(f"{path} has no function whose name does not begin with an underscore")
    return tools


def _functions(module: ModuleType) -> list[Callable[..., Any]]:
    """Its own: what it imports is not meant to be called by a model."""
    return [
        each
        for name, each in vars(module).items()
        if inspect.isfunction(each) and each.__module__ == module.__name__ and not name.startswith("_")
    ]


def _tool(function: Callable[..., Any], path: Path) -> ToolSpec:
    name = function.__name__
    if not _NAME.fullmatch(name):
        raise ToolsError(
            f"{path}: the function {name} needs a name of ASCII letters, digits and _, 64 at most"
        )
    for parameter in inspect.signature(function).parameters.values():
        if parameter.annotation is inspect.Parameter.empty:
            raise ToolsError(f"{path}: {name}: the parameter {parameter.name} needs a type")
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolsError(f"{path}: {name}: the parameter {parameter.name} cannot be given by name")
    try:
        called = validate_call(function)
        schema = TypeAdapter[Any](cast("Any", function)).json_schema()
    except (PydanticUserError, NameError) as exc:
        raise ToolsError(f"{path}: {name}: a type is none that JSON could be: {exc}") from exc
    return ToolSpec(name=name, description=inspect.getdoc(function) or name, schema=schema, function=called)


async def call_tool(tools: Mapping[str, ToolSpec], call: ToolCall, *, seconds: float, characters: int) -> str:
    """
    What the model is told of it: the result as text or JSON, or what it has done wrong.

    A plain function is run in a thread, and left behind when its time is over.

    Args:
        tools: Which there are.
        call: By name, with arguments in JSON.
        seconds: Until it must return.
        characters: Of the result at most; the rest is left out, and the model told.

    Cancelling: cancels a coroutine, leaves a thread behind.
    """
    try:
        tool, arguments = _understood(tools, call)
        async with asyncio.timeout(seconds):
            result = await _run(tool.function, arguments)
    except TimeoutError:
        return f"error: it did not return within {seconds:g} s"
    except ValidationError as exc:
        return f"error: {_mistakes(exc)}"
    except Exception as exc:  # noqa: BLE001 - whatever the owner's function raises
        # Its text may hold what is the owner's; a ValueError is meant for whoever called.
        return f"error: {type(exc).__name__}" + (f": {exc}" if type(exc) is ValueError else "")
    return _bounded(result if isinstance(result, str) else to_json(result, fallback=str).decode(), characters)


def _understood(tools: Mapping[str, ToolSpec], call: ToolCall) -> tuple[ToolSpec, dict[str, Any]]:
    """
    The tool and its arguments.

    Raises:
        ValueError: There is no such tool, or the arguments are none; the text is for the model.
    """
    if (tool := tools.get(call.name)) is None:
        raise ValueError(f"there is no such tool; there are: {', '.join(tools)}")
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        raise ValueError("the arguments are no JSON") from None
    if not isinstance(arguments, dict):
        raise ValueError("the arguments must be an object")  # noqa: TRY004 - the model's mistake
    return tool, arguments


def _mistakes(exc: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors())[:1000]


def _bounded(text: str, characters: int) -> str:
    return (
        text
        if len(text) <= characters
        else f"{text[:characters]}\n[{len(text) - characters} characters left out]"
    )


async def _run(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        return await function(**arguments)
    return await _in_thread(functools.partial(function, **arguments))


async def _in_thread(call: Callable[[], Any]) -> Any:
    """A daemon's thread, unlike those of `asyncio.to_thread`: one that hangs must not keep the process alive."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()

    def deliver(result: Any, raised: BaseException | None) -> None:
        if ended.done():
            return
        if raised is None:
            ended.set_result(result)
        else:
            ended.set_exception(raised)

    def run() -> None:
        result, raised = None, None
        try:
            result = call()
        except Exception as exc:  # noqa: BLE001 - handed to who waits
            raised = exc
        except BaseException as exc:  # noqa: BLE001 - `SystemExit` of a tool is an error of it
            raised = RuntimeError(type(exc).__name__)
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver, result, raised)

    threading.Thread(target=run, name="llm-tool", daemon=True).start()
    return await ended

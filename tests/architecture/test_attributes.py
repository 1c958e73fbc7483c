"""Nobody changes another object from outside after it was made: what an object holds is its own business."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SETTER: Final = re.compile(r"(object\.)?(__)?(set|del)attr(__)?")
PACKAGES: Final = ("mycel_runtime", "plugins/mycel_runtime_plugins")

ALLOWED: Final = {
    "mycel_runtime/backend/world/": {
        r".*": "A database in memory: rows are plain records, and the module of a rule changes them.",
    },
    "mycel_runtime/backend/operator.py": {
        r"room\.chat\.status": "As the world, on behalf of whoever operates it.",
    },
    "mycel_runtime/backend/feed.py": {
        r"socket\.(user_id|when_lost)": "uvicorn makes the socket; whose it is, is known after the handshake.",
    },
    "mycel_runtime/backend/host.py": {
        r"server\.config\.loaded_app": "uvicorn has no other way to wrap an application that it has loaded.",
    },
    "mycel_runtime/cli/": {
        r"ctx\.obj": "click's own place for what a group hands to its commands.",
    },
    "mycel_runtime/freed_memory.py": {
        r"timer\.(name|daemon)": "The standard library's timer takes neither.",
    },
    "mycel_runtime/cli/main.py": {
        r"sys\.stdin": "Python's streams are attributes of a module.",
    },
    "mycel_runtime/daemon/http/": {
        r"server\.should_exit": "How uvicorn is asked to end.",
    },
    "mycel_runtime/forks.py": {
        r"_mask\.before": "A variable of the forking thread, kept between two hooks of the interpreter.",
    },
    "mycel_runtime/inbox/reconcile.py": {
        r"look\.\w+": "A look is this module's own record, put together while the server is asked.",
    },
    "mycel_runtime/inbox/sequence.py": {
        r"step\.\w+": "A step is this module's own record, put together while one frame is understood.",
    },
    "mycel_runtime/journal/": {
        r"connection\.row_factory": "How sqlite3 is told which rows to give.",
        r"error\.__cause__": "An error is handed to several waiters; `raise ... from` serves one.",
    },
    "mycel_runtime/lazy_dataclass.py": {
        r"init\.(__qualname__|__annotations__)": "A function that was compiled of text learns where it belongs.",
        r"self\._of\.__init__": "The class that this stands in for.",
        r"found\.__(dataclass_fields|dataclass_params|match_args)__": "Likewise.",
        r"made\.__qualname__": "A class that is made again is called as it was.",
    },
    "mycel_runtime/observe/library_logs.py": {
        r"record\.(msg|args|exc_text)": "Changed where it is made, before anybody else has it.",
    },
    "mycel_runtime/observe/output.py": {
        r"sys\.std(out|err)": "Python's streams are attributes of a module.",
    },
    "mycel_runtime/observe/unhandled_errors.py": {
        r"threading\.excepthook|sys\.unraisablehook": "Python's hooks are attributes of modules.",
    },
    "mycel_runtime/plugin/": {
        r"error\.__class__": "An error from another process gets back the class that it had there.",
    },
    "mycel_runtime/plugin/process_state.py": {
        r"warnings\.showwarning": "The standard library's place for how a warning is shown.",
    },
    "mycel_runtime/sdk/method.py": {
        r"method\.__signature__": "A function says by it what its parameters are.",
    },
    "mycel_runtime/sdk/": {
        r"self\._access\.token": "A renewed token; nobody but the client holds its record of how it connects.",
        r"error\.errors": "A validation error is completed where the answer is read.",
        r"context\.(check_hostname|verify_mode)": "How the standard library's context is told what to check.",
        r"response\.stream": "httpx has no other way to learn when a response has been read.",
    },
    "mycel_runtime/speech/server_detail.py": {
        r"error\.\w+": "A raised error loses what it repeats of a message; a copy would lose where it was raised.",
    },
}
"""Per file or folder: assignments to attributes of others, and why each must be."""


def sources():
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def foreign_assignments(tree):
    """Each attribute of something else than `self` or `cls` that is set or deleted, `setattr` included."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=owner, attr=name, ctx=ast.Store() | ast.Del()):
                yield from outside(owner, name)
            case ast.Call(func=function, args=[owner, name, *_]) if SETTER.fullmatch(ast.unparse(function)):
                yield from outside(owner, ast.unparse(name).strip("'"))


def outside(owner, name):
    """The attribute, unless it is the object's own."""
    text = ast.unparse(owner)
    return [] if text in {"self", "cls"} else [f"{text}.{name}"]


def reason(path, target):
    """Why this may be done there; `None` if nobody has said."""
    for place, targets in ALLOWED.items():
        if path.startswith(place):
            for pattern, why in targets.items():
                if re.fullmatch(pattern, target):
                    return why
    return None


def test_no_attribute_of_another_object_is_set_from_outside():
    """Give it to the constructor, or return a value; if a library leaves no other way, say so in `ALLOWED`."""
    found = [
        f"{name}: {target}"
        for path in sources()
        for name in [str(path.relative_to(ROOT))]
        for target in foreign_assignments(ast.parse(path.read_text()))
        if reason(name, target) is None
    ]
    assert found == []


def test_every_exception_is_still_needed():
    needed = [
        (str(path.relative_to(ROOT)), target)
        for path in sources()
        for target in foreign_assignments(ast.parse(path.read_text()))
    ]
    assert [
        f"{place}: {pattern}"
        for place, targets in ALLOWED.items()
        for pattern in targets
        if not any(name.startswith(place) and re.fullmatch(pattern, target) for name, target in needed)
    ] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("other.name = 1", ["other.name"]),
        ("self.part.name = 1", ["self.part.name"]),
        ("other.count += 1", ["other.count"]),
        ("a, other.name = 1, 2", ["other.name"]),
        ("del other.name", ["other.name"]),
        ("setattr(other, 'name', 1)", ["other.name"]),
        ("object.__setattr__(other, 'name', 1)", ["other.name"]),
        ("self.name = 1", []),
        ("object.__setattr__(self, 'name', 1)", []),
        ("other.names['a'] = 1", []),
    ],
)
def test_an_assignment_would_be_noticed(code, found):
    assert list(foreign_assignments(ast.parse(code))) == found

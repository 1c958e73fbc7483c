"""Runs the Python of a documentation, with its placeholders made real."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def python_blocks(markdown: str) -> list[str]:
    """The fenced Python of a document, in order."""
    return re.findall(r"^```python\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)


def run(block: str, namespace: dict[str, Any], placeholders: Mapping[str, str | Callable[[], str]]) -> None:
    """
    Run a block, statement by statement.

    Args:
        block: Python; `mycel_sdk` is imported as `mycel_runtime.sdk`, all else stays as it stands there.
        namespace: Goes on from block to block.
        placeholders: Literals, and what each stands for; asked at its statement, as some are not known earlier.
    """
    tree = ast.parse(block)
    for statement in tree.body:
        real = ast.fix_missing_locations(_Realize(placeholders).visit(statement))
        exec(compile(ast.Module([real], []), "<documentation>", "exec", 0, True), namespace)


class _Realize(ast.NodeTransformer):
    def __init__(self, placeholders: Mapping[str, str | Callable[[], str]]) -> None:
        self._placeholders = placeholders

    @override
    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str) or node.value not in self._placeholders:
            return node
        real = self._placeholders[node.value]
        return ast.Constant(real if isinstance(real, str) else real())

    @override
    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.module == "mycel_sdk":
            node.module = "mycel_runtime.sdk"
        return node

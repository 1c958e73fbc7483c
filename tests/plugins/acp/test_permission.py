"""What an agent may do that asks."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mycel_runtime_plugins.acp.permission import AllowRule, permission_answer

OPTIONS = [
    {"optionId": f"o-{kind}", "kind": kind}
    for kind in ("allow_always", "allow_once", "reject_always", "reject_once")
]


def chosen(call, *rules, folder="/chat", options=OPTIONS):
    answer = permission_answer({"toolCall": call, "options": options}, rules, str(folder))
    return answer.result["outcome"].get("optionId", "cancelled")


def call(kind, *paths):
    return {"toolCallId": "1", "kind": kind, "locations": [{"path": path} for path in paths]}


def test_nothing_is_allowed_that_is_not_said():
    assert chosen(call("read", "a")) == "o-reject_once"
    assert chosen(call("execute"), AllowRule(kind="read")) == "o-reject_once"


def test_what_is_allowed_is_allowed_once():
    assert chosen(call("execute"), AllowRule(kind="execute")) == "o-allow_once"
    assert chosen(call("execute"), AllowRule(kind="execute"), options=OPTIONS[:1]) == "cancelled"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["docs/a"], "o-allow_once"),
        (["docs"], "o-allow_once"),
        (["docs/a", "b"], "o-reject_once"),
        (["docs/../b"], "o-reject_once"),
        (["docs-too/a"], "o-reject_once"),
        (["docs/link/a"], "o-reject_once"),
        (["/etc/hostname"], "o-reject_once"),
        ([], "o-reject_once"),
        (["docs/\0"], "o-reject_once"),
    ],
)
def test_a_path_bounds_all_that_the_tool_names(tmp_path, paths, expected):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "link").symlink_to("/etc")

    assert chosen(call("edit", *paths), AllowRule(kind="edit", path="docs"), folder=tmp_path) == expected


@pytest.mark.parametrize("params", [{}, {"toolCall": 3}, {"toolCall": {}, "options": [3, {}, {"kind": 3}]}])
def test_what_makes_no_sense_is_refused(params):
    assert permission_answer(params, [AllowRule(kind="read")], "/").result == {
        "outcome": {"outcome": "cancelled"}
    }


def test_a_path_where_none_means_anything_is_a_mistake():
    with pytest.raises(ValidationError, match="no path bounds"):
        AllowRule(kind="execute", path=".")

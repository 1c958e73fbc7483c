"""Input that fits the schema and is odd all the same."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.server import BackendOptions


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chats/{chat}/messages", '{"content": "\\ud800"}'),
        (
            "/api/chats/{chat}/tasks",
            '{"subject": "s", "description": "", "metadata": {"a": ["\\ud800"]}}',
        ),
        ("/api/chats/{chat}/workflow/events", '{"kind": "k", "resource_refs": [{"\\ud800": 1}]}'),
        ("/api/chats/{chat}/workflow/events", '{"kind": "k", "final_state": {"a": {"\\ud800": 1}}}'),
    ],
)
@pytest.mark.parametrize(
    ("options", "status"),
    [
        (BackendOptions(), 500),
        (BackendOptions(quirks=Quirks(text_must_be_storable=False)), 422),
    ],
    ids=["by default", "without the quirk"],
)
def test_half_a_surrogate_pair_is_refused_and_breaks_nothing(owner, chat, path, body, status):
    headers = {"Connection": "close"}
    answer = owner.http.post(path.format(chat=chat), content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert owner.request("GET", path.format(chat=chat)).json() == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/chats/{chat}/messages", r'{"content": "\\u0000 \u00fc"}', 200),
        ("/api/chats/{chat}/messages", '{"content": "\U0001f344", "mentioned_ids": [""]}', 200),
        ("/api/chats/{chat}/read", json.dumps({"up_to_seq": 10**30}), 200),
        ("/api/chats/{chat}/tasks", '{"subject": "s", "description": "", "metadata": {"a": NaN}}', 200),
        ("/api/chats/{chat}/tasks", "[" * 100_000, 400),
        ("/api/auth/login", json.dumps({"identifier": "9" * 5000, "password": ""}), 401),
        ("/api/runtime/inbox/wait?timeout_seconds=nan", "", 422),
        ("/api/chats/%ff%00/read", "", 403),
    ],
)
def test_odd_input_is_answered(owner, chat, path, body, status):
    answer = owner.http.post(path.format(chat=chat), content=body)
    assert answer.status_code == status, answer.text
    answer.json()

"""JSON that is sent to others."""

from __future__ import annotations

import json

import pytest

from httpkit.json_body import json_bytes


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"text": "Äpfel 🍎", "ids": [1, 2.5, None, True]}, {"text": "Äpfel 🍎", "ids": [1, 2.5, None, True]}),
        ({"text": "cut \ud83d", "rows": [{"\udc4d": 1}]}, {"text": "cut ?", "rows": [{"?": 1}]}),
        ({"large": 2**70}, {"large": 2**70}),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_whatever_python_can_hold_is_sent_as_json_in_utf8(value: object, sent: object) -> None:
    assert json.loads(json_bytes(value).decode("utf-8")) == sent

"""Whatever comes to the endpoint, with a token or without: a documented answer, never a 5xx, never silence."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import activity_table
from tests.support.activity_table import SERVICE_URL, SHAPES, answer_to, of_tenant, signed_door
from tests.support.teams_client import Door, open_door
from tests.support.token_issuer import token

_MAY_BE = {200, 202, 400, 401, 403, 413, 501}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with signed_door() as opened:
        yield opened


def test_there_are_at_least_sixty_recorded_shapes() -> None:
    assert len(SHAPES) >= 60


async def test_the_documented_answers_are_those_of_the_endpoint() -> None:
    made = await activity_table.tables()
    assert activity_table.documented().splitlines() == made.splitlines(), "run `python -m tests.support.activity_table`"


async def test_no_documented_answer_is_a_5xx_but_that_to_an_unknown_invoke() -> None:
    page = activity_table.documented()
    assert "| 5" not in page.replace("| 501 NotImplemented |", "").replace("| 501 ExpectRepliesNotSupported |", "")


@pytest.mark.parametrize("shape", SHAPES)
async def test_without_an_app_id_the_same_shapes_are_taken_from_this_machine(shape: str) -> None:
    async with open_door() as local:
        activity = of_tenant(shape) | {"serviceUrl": "http://127.0.0.1:9/_connector"}
        status, _ = await local.post(activity)
        assert status in (200, 202, 501)


# What a field may hold instead: of each type, empty, long, hostile.
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "x" * 3_000,
            "<at>" * 300,
            '<quoted messageId="' * 50,
            "../../etc/passwd",
            "https://evil.example/",
            "\u202egnp.exe",
            "{{DATE(2026-01-01)}}",
            "editMessage",
            "undeleteMessage",
            "teamMemberAdded",
            "add",
            "personal",
            "hologram",
            "message",
            "invoke",
            "messageUpdate",
            "installationUpdate",
        ]
    ),
)
_ANYTHING = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def _places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of every value in an activity."""
    found = [path] if path else []
    match value:
        case dict():
            entries: list[tuple[object, object]] = list(value.items())
        case list():
            entries = list(enumerate(value))
        case _:
            entries = []
    for name, inner in entries:
        found += _places(inner, (*path, name))
    return found


@st.composite
def changed_activities(draw: st.DrawFn) -> Any:
    """A recorded activity with up to four of its values, or of fields it does not have, replaced or taken away."""
    activity: Any = copy.deepcopy(of_tenant(draw(st.sampled_from(SHAPES))))
    for _ in range(draw(st.integers(1, 4))):
        places = _places(activity)
        *parents, name = draw(st.sampled_from(places)) if places else ("type",)
        if draw(st.integers(0, 4)) == 0:
            parents, name = [], draw(st.sampled_from([*activity_table.FIELDS, "invented"])).partition(".")[0]
        holder = activity
        for parent in parents:
            holder = holder[parent]
        if draw(st.booleans()) or name not in (holder if isinstance(holder, dict) else range(len(holder))):
            holder[name] = draw(_ANYTHING)
        else:
            del holder[name]
    return activity


def test_no_changed_activity_is_met_with_a_5xx_or_with_silence(caplog: pytest.LogCaptureFixture) -> None:
    """One event loop for all examples, as in a service that has been running for a while."""
    caplog.set_level(logging.ERROR)
    with asyncio.Runner() as runner:
        opened = signed_door()
        door = runner.run(opened.__aenter__())

        @settings(
            max_examples=400,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        )
        @given(activity=changed_activities(), signed=st.booleans())
        def check(activity: Any, *, signed: bool) -> None:
            bearer = {"Authorization": f"Bearer {token(serviceurl=SERVICE_URL)}"} if signed else {}
            status, body = runner.run(asyncio.wait_for(door.post(activity, **bearer), 30))
            assert status in (_MAY_BE if signed else {401}), (status, json.dumps(activity))
            if status >= 300:
                assert body["error"]["code"]
                assert body["error"]["message"]

        try:
            check()
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_after_all_shapes_a_plain_message_is_still_stored(door: Door) -> None:
    for shape in SHAPES:
        await answer_to(door, of_tenant(shape))
    assert await answer_to(door, of_tenant("dm_plain")) == "202, stored"

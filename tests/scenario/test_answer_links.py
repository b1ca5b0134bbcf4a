"""Links in answers, through the whole bot (S11)."""

from __future__ import annotations

import dataclasses

import pytest

from tests.scenario.conftest import Rig
from tests.support.scripted_model import ScriptedModel

ANSWER = "See [the docs](https://docs.example.com/guide) and [more](https://evil.example/c2VjcmV0LW9mLXRoZS1jaGF0)."


@pytest.mark.parametrize(
    ("question", "hosts", "is_linked"),
    [
        ("Where are the docs?", "", False),
        ("What does docs.example.com say?", "", True),
        ("Where are the docs?", "docs.example.com", True),
    ],
)
async def test_an_answer_links_where_the_person_or_the_operator_named_the_host(
    rig: Rig, model: ScriptedModel, question: str, hosts: str, is_linked: bool
) -> None:
    model.script.append(ANSWER)
    rig = dataclasses.replace(rig, environ={**rig.environ, "LINK_HOSTS": hosts})
    async with rig.started() as person:
        [answer] = await person.ask(question)
    assert ("](https://docs.example.com/guide)" in answer.text) == is_linked
    assert "docs.example.com" in answer.text
    assert "more (evil.example)" in answer.text
    assert "https://evil" not in answer.text

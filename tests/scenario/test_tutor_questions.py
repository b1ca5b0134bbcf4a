"""Two hundred questions drawn by one seed, over all kinds and in varied wording, judged by numpy."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from service.setting_specs import default_sandbox_python
from tests.tutor import algebra, calculus, tables
from tests.tutor.driver import Chat, Worker, worker
from tests.tutor.judging import Verdict
from tests.tutor.questions import Question

SEED = 20261124
QUESTIONS = 208
LEAST_RIGHT = 0.95

pytestmark = pytest.mark.skipif(
    not default_sandbox_python().exists(),
    reason="needs the sandbox's own Python environment, which `make` installs",
)


async def test_of_200_drawn_questions_95_percent_are_right_and_none_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = random.Random(SEED)
    kinds = [*calculus.KINDS, *algebra.KINDS, *tables.KINDS]
    questions = [kinds[number % len(kinds)](rng) for number in range(QUESTIONS)]
    tally: Counter[Verdict] = Counter()
    missed: list[str] = []
    async with worker(tmp_path) as sandbox:
        for question in questions:
            verdict, text = await asked(sandbox, question)
            tally[verdict] += 1
            if verdict is not Verdict.RIGHT:
                missed.append(f"{verdict.value}: {question.kind}: {question.messages} -> {text[:200]}")
    with capsys.disabled():
        print(
            f"\nseed {SEED}: {QUESTIONS} questions, {tally[Verdict.RIGHT] / QUESTIONS:.1%} right, "
            f"{tally[Verdict.DECLINED]} declined, {tally[Verdict.WRONG]} wrong"
        )
    assert not tally[Verdict.WRONG], "\n".join(missed)
    assert tally[Verdict.RIGHT] >= LEAST_RIGHT * QUESTIONS, "\n".join(missed)


async def asked(sandbox: Worker, question: Question) -> tuple[Verdict, str]:
    """The verdict on the last answer of a thread of its own."""
    if question.files:
        await sandbox.ask({"files": question.files})
    chat = Chat(sandbox)
    for message in question.messages:
        answered = await chat.ask(message, file_names=tuple(question.files))
    return await question.judge(sandbox, answered), answered.text

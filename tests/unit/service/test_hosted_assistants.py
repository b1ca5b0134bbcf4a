"""What is known of a hosted model before it is switched off."""

from __future__ import annotations

import logging

import pytest

from service.hosted_assistants import days_left, shutdown_watched
from service.settings import Settings
from tests.support.hosted_talk import calling
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import MODEL, ResponsesService, To
from tests.support.waiting import settled, until
from tests.unit.service.test_settings_together import NO_FILE


@pytest.mark.parametrize(
    ("told", "days"),
    [
        ("1970-01-11", 9),
        ("1970-01-11T00:00:00", 9),
        (864_000, 9),
        ("soon", None),
        (None, None),
        (True, None),
        ({}, None),
    ],
)
def test_the_days_left_of_a_model_are_read_from_any_date(told: object, days: int | None) -> None:
    assert days_left(told, now_s=86_400) == days


@pytest.mark.parametrize(("date", "warned"), [("2026-11-01", True), ("2099-01-01", False)])
async def test_a_model_that_will_be_switched_off_is_told_in_the_log(
    date: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with ResponsesService() as service, calling(service) as client:
        service.models[MODEL] = date
        environ = {"ASSISTANT_BACKEND": "responses", "OPENAI_API_KEY": KEY, "MODEL": MODEL}
        with caplog.at_level(logging.WARNING):
            async with shutdown_watched(Settings.read(environ, NO_FILE), client):
                await until(lambda: bool(service.called(To.GET_MODEL)))
                await settled()
    assert any("switched off" in record.message for record in caplog.records) is warned

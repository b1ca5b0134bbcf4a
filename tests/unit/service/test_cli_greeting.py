from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from service.greeting import Started, assistants_greeting, bot_greeting
from service.settings import Secret, Settings

NO_FILE = Path("/nonexistent/.env")
STARTED = Started(address="http://127.0.0.1:3978", isolation="bubblewrap", chat_url="http://127.0.0.1:3978/")


def settings(**environ: str) -> Settings:
    return Settings.read(environ, NO_FILE)


def test_a_new_user_reads_address_speaker_wall_and_what_to_do_next() -> None:
    text = bot_greeting(settings(), STARTED)
    for told in (
        "http://127.0.0.1:3978/\n",
        "http://127.0.0.1:3978/api/messages",
        "built-in tutor",
        "bubblewrap",
        "make playground",
        "MODEL=",
    ):
        assert told in text


def test_who_has_a_model_is_not_told_how_to_connect_one() -> None:
    text = bot_greeting(settings(OPENAI_BASE_URL="http://127.0.0.1:11434/v1", MODEL="llama3.1"), STARTED)
    assert "llama3.1 at http://127.0.0.1:11434/v1" in text
    assert "Connect a model" not in text


def test_an_assistant_elsewhere_is_named_with_its_service() -> None:
    text = bot_greeting(
        settings(ASSISTANT_BACKEND="assistants", OPENAI_BASE_URL="http://127.0.0.1:8788/v1", ASSISTANT_ID="asst_7"),
        STARTED,
    )
    assert "asst_7 at http://127.0.0.1:8788/v1" in text
    assert "bubblewrap" not in text


def test_a_machine_without_walls_is_told_why_no_code_is_run() -> None:
    started = Started(
        address="http://127.0.0.1:3978", isolation=None, sandbox_unavailable_reason="user namespaces are switched off"
    )
    assert "code is not run: user namespaces are switched off" in bot_greeting(settings(), started)


def test_a_key_is_shown_once_when_it_was_made() -> None:
    made = Started(address="http://127.0.0.1:8788", isolation="bubblewrap", generated_key=Secret("sk-local-1"))
    assert "sk-local-1" in assistants_greeting(settings(), made, on_terminal=True)
    again = assistants_greeting(settings(), STARTED, on_terminal=True)
    assert "assistants.key" in again


def test_a_key_that_was_given_is_never_shown() -> None:
    text = assistants_greeting(settings(ASSISTANTS_API_KEY="sk-given"), STARTED, on_terminal=True)
    assert "sk-given" not in text
    assert "ASSISTANTS_API_KEY" in text


def test_a_model_that_cannot_be_asked_is_told_at_the_start() -> None:
    # ux 3.18
    started = replace(STARTED, model_fault="OPENAI_BASE_URL lacks /v1 at its end: http://127.0.0.1:11434/v1")
    model = settings(OPENAI_BASE_URL="http://127.0.0.1:11434", MODEL="llama3.1")
    for greeting in (bot_greeting, partial(assistants_greeting, on_terminal=True)):
        assert "WARNING: OPENAI_BASE_URL lacks /v1 at its end" in greeting(model, started)
        assert "WARNING" not in greeting(model, STARTED)


def test_a_log_is_told_where_the_new_key_is_and_not_the_key() -> None:  # S17
    made = Started(address="http://127.0.0.1:8788", isolation="bubblewrap", generated_key=Secret("sk-local-1"))
    text = assistants_greeting(settings(), made, on_terminal=False)
    assert "sk-local-1" not in text
    assert "assistants.key" in text


def test_the_playground_is_offered_only_where_it_can_reach_the_bot() -> None:
    bot = {
        "CLIENT_ID": "8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60",
        "CLIENT_SECRET": "s",
        "PUBLIC_URL": "https://bot.example",
    }
    public = settings(**bot, TENANT_ID="8f14e45f-ceea-467f-a0e6-1b2c3d4e5f61")
    assert "make playground" in bot_greeting(settings(), STARTED)
    assert "make playground" not in bot_greeting(public, STARTED)

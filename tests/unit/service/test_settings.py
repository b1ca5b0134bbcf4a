from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from service.settings import (
    AzureEndpoint,
    Backend,
    LogFormat,
    LogLevel,
    OpenAIEndpoint,
    Secret,
    Settings,
    SettingsError,
)

NO_FILE = Path("/nonexistent/.env")
KEY = "sk-canary-7f3k-please-never-print"


def read(tmp_path: Path, file: str = "", **environ: str) -> Settings:
    path = tmp_path / ".env"
    path.write_text(file, "utf-8")
    return Settings.read(environ, path)


def mistakes(tmp_path: Path, file: str = "", **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, file, **environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_nothing_set_is_the_embedded_assistant_with_the_tutor_on_loopback() -> None:
    settings = Settings.read({}, NO_FILE)
    assert (settings.host, settings.port) == ("127.0.0.1", 3978)
    assert settings.backend is Backend.EMBEDDED
    assert settings.model is None
    assert settings.endpoint is None
    assert settings.public_url is None
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.assistant_name == "Math Tutor"
    assert settings.run_deadline_s == 600
    assert (settings.log_level, settings.log_format) == (None, LogFormat.AUTO)
    assert settings.sandbox_python.parts[-3:] == (".sandbox", "bin", "python")


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, "PORT=4000\nLOG_LEVEL=debug\n", PORT="5000")
    assert settings.port == 5000
    assert settings.log_level is LogLevel.DEBUG


def test_an_empty_variable_switches_off_what_the_file_says(tmp_path: Path) -> None:
    settings = read(tmp_path, f"OPENAI_API_KEY={KEY}\nMODEL=gpt\n", OPENAI_API_KEY="", MODEL=" ")
    assert settings.endpoint is None


def test_blanks_and_a_line_break_around_a_value_are_no_part_of_it(tmp_path: Path) -> None:
    settings = read(tmp_path, OPENAI_API_KEY=f" {KEY}\n", MODEL="gpt\r\n")
    assert settings.endpoint == OpenAIEndpoint(base_url="https://api.openai.com/v1", api_key=Secret(KEY))
    assert settings.model == "gpt"


def test_words_are_known_in_capitals_too(tmp_path: Path) -> None:
    assert read(tmp_path, LOG_LEVEL="WARNING", LOG_FORMAT="Json").log_format is LogFormat.JSON


def test_every_mistake_is_told_at_once_with_place_and_example(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "PORT=ninety\nLOG_LEVEL=loud\n", TEAMSBOT_RUN_DEADLINE_S="-1", HOST="0.0.0.0")  # noqa: S104
    assert len(told) == 4
    assert any(line.startswith("PORT (.env line 1)") and "PORT=3979" in line for line in told)
    assert any(line.startswith("LOG_LEVEL (.env line 2)") and "debug, info, warning, error" in line for line in told)
    assert any(line.startswith("TEAMSBOT_RUN_DEADLINE_S (environment)") for line in told)
    assert any(line.startswith("HOST (environment)") and "loopback" in line for line in told)


@pytest.mark.parametrize(
    "name", ["PORT", "OPENAI_BASE_URL", "LOG_LEVEL", "HOST", "TEAMSBOT_SANDBOX_PYTHON", "DATABASE_URL"]
)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_no_mistake_repeats_the_value(tmp_path: Path, name: str, place: str) -> None:
    value = f"https://user:{KEY}@host/?key={KEY}"
    told = mistakes(tmp_path, f"{name}={value}\n") if place == "file" else mistakes(tmp_path, **{name: value})
    assert KEY not in " ".join(told)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TEAMSBOT_DEADLIN_S", "TEAMSBOT_RUN_DEADLINE_S"),
        ("ASSISTANT_INSTRUCTION", "ASSISTANT_INSTRUCTIONS"),
        ("ASSISTANT_COLOUR", None),
        ("TEAMSBOT_COFFEE", None),
        ("MicrosoftAppID", "MicrosoftAppId"),
        ("MICROSOFTAPPPASSWORD", "MicrosoftAppPassword"),
        ("MICROSOFT_APP_ID", "MicrosoftAppId"),
        ("MICROSOFT_APP_PASSWORD", "MicrosoftAppPassword"),
        ("MICROSOFT_APP_TENANTID", "MicrosoftAppTenantId"),
        ("MICROSOFT_APP_TYPE", "MicrosoftAppType"),
        ("MICROSOFT_APP_SECRET", "MicrosoftAppPassword"),
    ],
)
def test_an_unknown_name_like_ours_is_a_mistake_in_the_environment(
    tmp_path: Path, name: str, meant: str | None
) -> None:
    [told] = mistakes(tmp_path, **{name: "x"})
    assert told.startswith(f"{name} (environment) is not a setting")
    assert (f"Did you mean {meant}?" in told) if meant else ("Did you mean" not in told)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("port", "PORT"),
        ("PROT", "PORT"),
        ("OPENAI_API_KEYS", "OPENAI_API_KEY"),
        ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        ("LIMIT_QUESTIONS", "LIMIT_QUESTIONS_PER_MINUTE"),
    ],
)
def test_a_misspelt_name_in_the_file_is_a_mistake(tmp_path: Path, name: str, meant: str) -> None:
    # ux 3.22
    [told] = mistakes(tmp_path, f"{name}=x\n")
    assert f"Did you mean {meant}?" in told


@pytest.mark.parametrize(("text", "told"), [("4000\u200b", "U+200B"), ("\u201c4000\u201d", "U+201C"), ("4000 x", ";")])
def test_a_mark_that_cannot_be_seen_is_named_where_a_value_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    [mistake] = mistakes(tmp_path, f"PORT={text}\n")
    assert "must be a whole number" in mistake
    assert (told in mistake) == (told != ";")


def test_names_of_other_programs_are_left_to_them(tmp_path: Path) -> None:
    read(tmp_path, "BOT_ID=1\nTEAMS_APP_ID=2\n", OPENAI_ORG_ID="org", PATH="/bin", HOSTNAME="h", AZURE_CLIENT_ID="c")


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BOT_ID", "MicrosoftAppId"),
        ("SECRET_BOT_PASSWORD", "MicrosoftAppPassword"),
        ("POSTGRES_URL", "DATABASE_URL"),
        ("POSTGRESQL_URL", "DATABASE_URL"),
        ("CONNECTIONS__SERVICE_CONNECTION__SETTINGS__CLIENTSECRET", "MicrosoftAppPassword"),
    ],
)
def test_a_name_that_samples_of_bots_use_is_told_with_the_setting_that_it_means(
    tmp_path: Path, name: str, meant: str, in_file: bool
) -> None:
    file, environ = (f"{name}={KEY}\n", {}) if in_file else ("", {name: KEY})
    [told] = map(str, read(tmp_path, file, **environ).warnings)
    assert told.startswith(f"{name} (")
    assert f"Set {meant} if" in told
    assert KEY not in told


def test_a_name_of_samples_is_not_told_where_the_setting_is_set_or_the_name_is_empty(tmp_path: Path) -> None:
    ours = {
        "MicrosoftAppId": "11111111-2222-3333-4444-555555555555",
        "MicrosoftAppPassword": "s",
        "MicrosoftAppTenantId": "99999999-8888-7777-6666-555555555555",
        "PUBLIC_URL": "https://bot.example.com",
    }
    assert read(tmp_path, "BOT_PASSWORD=x\n", BOT_ID="1", **ours).warnings == ()
    assert read(tmp_path, BOT_ID="").warnings == ()


def test_a_broken_line_is_told_by_its_number_and_not_repeated(tmp_path: Path) -> None:
    told = mistakes(tmp_path, f'PORT=4000\n\n\nOPENAI API KEY {KEY}\nMODEL\nHOST="127.0.0.1\n')
    assert [line for line in told if ".env line 4 cannot be read" in line]
    assert [line for line in told if ".env line 5 cannot be read" in line]
    assert [line for line in told if ".env line 6 cannot be read" in line]
    assert KEY not in " ".join(told)


def test_a_name_twice_in_the_file_with_different_values_is_a_mistake(tmp_path: Path) -> None:
    [told] = mistakes(tmp_path, "PORT=1\nPORT=2\n")
    assert told.startswith("PORT (.env line 1, .env line 2)")
    assert read(tmp_path, "PORT=1\nPORT=1\n").port == 1


def test_the_file_may_have_quotes_comments_exports_and_a_byte_order_mark(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '\ufeff# comment\nexport PORT=4000 # here too\nASSISTANT_NAME="A b"\nASSISTANT_INSTRUCTIONS="one\ntwo"\n',
    )
    assert (settings.port, settings.assistant_name, settings.assistant_instructions) == (4000, "A b", "one\ntwo")


def test_a_dollar_in_a_value_stays_as_it_is_written(tmp_path: Path) -> None:
    settings = read(tmp_path, "OPENAI_API_KEY=a${PORT}b\nMODEL=m\nPORT=4000\n")
    assert settings.endpoint == OpenAIEndpoint(base_url="https://api.openai.com/v1", api_key=Secret("a${PORT}b"))


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.read({}, tmp_path)  # a folder
    (tmp_path / ".env").write_bytes(b"MODEL=\xff\xfe\n")
    with pytest.raises(SettingsError, match="UTF-8"):
        Settings.read({}, tmp_path / ".env")


def test_one_thing_by_two_names_with_different_values_is_a_mistake(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "CLIENT_ID=1\n", MicrosoftAppId="2")
    assert any("MicrosoftAppId (environment) and CLIENT_ID (.env line 1)" in line for line in told)
    told = mistakes(tmp_path, "CLIENT_ID=1\n", MicrosoftAppId="1")
    assert not any("two names" in line for line in told)


def test_a_secret_is_shown_by_no_way_of_looking_at_the_settings(tmp_path: Path) -> None:
    settings = read(tmp_path, OPENAI_API_KEY=KEY, MODEL="m", ASSISTANTS_API_KEY=KEY)
    assert KEY not in repr(settings)
    assert KEY not in f"{settings} {settings.endpoint!s} {settings.assistants_api_key}"
    assert settings.assistants_api_key is not None
    assert settings.assistants_api_key.reveal() == KEY
    with pytest.raises(TypeError):
        pickle.dumps(settings)


def test_an_azure_resource_is_read_with_and_without_a_version(tmp_path: Path) -> None:
    azure = {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/", "AZURE_OPENAI_API_KEY": KEY, "MODEL": "m"}
    assert read(tmp_path, **azure).endpoint == AzureEndpoint(
        url="https://r.openai.azure.com", api_key=Secret(KEY), api_version=None
    )
    settings = read(tmp_path, **azure, AZURE_OPENAI_API_VERSION="2024-10-21")
    assert isinstance(settings.endpoint, AzureEndpoint)
    assert settings.endpoint.api_version == "2024-10-21"

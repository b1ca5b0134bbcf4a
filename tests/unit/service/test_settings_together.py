from __future__ import annotations

from pathlib import Path

import pytest

from bot.limits import Limits
from service.compose import endings_taken
from service.settings import (
    AzureEndpoint,
    Backend,
    FoundryEndpoint,
    OpenAIEndpoint,
    Secret,
    Settings,
    SettingsError,
)
from service.settings.rules import check_together
from service.settings.settings import chat_page_port
from service.settings.sources import read_settings

NO_FILE = Path("/nonexistent/.env")
LOCAL = "http://127.0.0.1:11434/v1"
AZURE = "https://r.openai.azure.com"
PROJECT = "https://a.services.ai.azure.com/api/projects/p"
RESPONSES = {"ASSISTANT_BACKEND": "responses"}


def read(**environ: str) -> Settings:
    return Settings.read(environ, NO_FILE)


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_local_model_needs_an_address_and_a_name_and_no_key() -> None:
    settings = read(OPENAI_BASE_URL=LOCAL, MODEL="llama3.1:8b")
    assert settings.endpoint == OpenAIEndpoint(base_url=LOCAL, api_key=None)


def test_a_key_alone_means_openai_itself() -> None:
    settings = read(OPENAI_API_KEY="k", MODEL="m")
    assert settings.endpoint == OpenAIEndpoint(base_url="https://api.openai.com/v1", api_key=Secret("k"))


@pytest.mark.parametrize("environ", [{"OPENAI_API_KEY": "k"}, {"OPENAI_BASE_URL": LOCAL}])
def test_a_service_without_a_model_is_a_mistake_that_tells_the_way_to_the_tutor(environ: dict[str, str]) -> None:
    [told] = mistakes(**environ)
    assert told.startswith("MODEL must name the model")
    assert "built-in tutor" in told


def test_a_model_without_a_service_is_a_mistake() -> None:
    [told] = mistakes(MODEL="gpt")
    assert told.startswith("MODEL (environment) needs the service")


def test_two_services_are_one_too_many() -> None:
    told = mistakes(OPENAI_API_KEY="k", AZURE_OPENAI_ENDPOINT=AZURE, AZURE_OPENAI_API_KEY="k", MODEL="m")
    assert told == [
        "OPENAI_API_KEY (environment) and AZURE_OPENAI_ENDPOINT (environment), AZURE_OPENAI_API_KEY (environment) "
        "configure two services; keep one."
    ]


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"AZURE_OPENAI_API_KEY": "k"}, {"AZURE_OPENAI_ENDPOINT"}),
        ({"AZURE_OPENAI_ENDPOINT": AZURE}, {"AZURE_OPENAI_API_KEY"}),
        ({"AZURE_OPENAI_API_VERSION": "2024-10-21"}, {"AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"}),
    ],
)
def test_azure_is_named_whole_or_not_at_all(environ: dict[str, str], missing: set[str]) -> None:
    assert {told.split()[0] for told in mistakes(**environ, MODEL="m")} == missing


def test_a_wrong_value_is_told_once_and_counts_as_set() -> None:
    [told] = mistakes(OPENAI_BASE_URL="nowhere", MODEL="m")
    assert told.startswith("OPENAI_BASE_URL")


def test_an_assistant_elsewhere_is_named_by_its_id() -> None:
    settings = read(ASSISTANT_BACKEND="assistants", OPENAI_BASE_URL=LOCAL, ASSISTANT_ID="asst_1")
    assert settings.backend is Backend.ASSISTANTS
    assert (settings.assistant_id, settings.model) == ("asst_1", None)


def test_an_assistant_elsewhere_can_be_made_from_name_and_model() -> None:
    settings = read(
        ASSISTANT_BACKEND="assistants", OPENAI_BASE_URL=LOCAL, ASSISTANT_NAME="Tutor", MODEL="m", OPENAI_API_KEY="k"
    )
    assert (settings.assistant_id, settings.assistant_name, settings.model) == (None, "Tutor", "m")


def test_the_assistants_backend_needs_an_address_and_an_assistant() -> None:
    assert {told.split()[0] for told in mistakes(ASSISTANT_BACKEND="assistants")} == {"OPENAI_BASE_URL", "ASSISTANT_ID"}
    assert mistakes(ASSISTANT_BACKEND="assistants", OPENAI_API_KEY="k", ASSISTANT_ID="a")


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENAI_BASE_URL": "https://api.openai.com/v1"},
        {"AZURE_OPENAI_ENDPOINT": AZURE, "AZURE_OPENAI_API_KEY": "k"},
    ],
)
def test_services_whose_assistants_were_switched_off_are_refused(environ: dict[str, str]) -> None:
    [told] = mistakes(**environ, ASSISTANT_BACKEND="assistants", ASSISTANT_ID="asst_1")
    assert "switched it off" in told
    assert "embedded" in told


@pytest.mark.parametrize("name", ["MODEL", "ASSISTANT_NAME", "ASSISTANT_INSTRUCTIONS"])
def test_what_an_existing_assistant_has_already_is_refused_and_not_ignored(name: str) -> None:
    [told] = mistakes(**{name: "x"}, ASSISTANT_BACKEND="assistants", OPENAI_BASE_URL=LOCAL, ASSISTANT_ID="asst_1")
    assert told.startswith(f"{name} (environment) would have no effect")


def test_an_assistant_id_means_nothing_to_the_embedded_server() -> None:
    [told] = mistakes(ASSISTANT_ID="asst_1")
    assert "ASSISTANT_NAME" in told


def test_responses_are_connected_in_three_ways() -> None:
    openai = read(**RESPONSES, OPENAI_API_KEY="k", MODEL="m")
    assert (openai.backend, openai.endpoint) == (
        Backend.RESPONSES,
        OpenAIEndpoint(base_url="https://api.openai.com/v1", api_key=Secret("k")),
    )
    azure = read(**RESPONSES, AZURE_OPENAI_ENDPOINT=AZURE, MODEL="m")
    assert azure.endpoint == AzureEndpoint(url=AZURE, api_key=None, api_version=None)
    foundry = read(**RESPONSES, AZURE_AI_PROJECT_ENDPOINT=PROJECT, AZURE_AI_AGENT_NAME="tutor")
    assert foundry.endpoint == FoundryEndpoint(url=PROJECT, agent="tutor")
    assert read(**RESPONSES, AZURE_AI_PROJECT_ENDPOINT=PROJECT, MODEL="m").model == "m"


@pytest.mark.parametrize(
    ("environ", "about"),
    [
        ({}, ["OPENAI_API_KEY", "MODEL"]),
        ({"OPENAI_API_KEY": "k"}, ["MODEL"]),
        ({"AZURE_OPENAI_API_KEY": "k", "MODEL": "m"}, ["AZURE_OPENAI_ENDPOINT"]),
        ({"AZURE_OPENAI_ENDPOINT": AZURE, "AZURE_OPENAI_API_VERSION": "v", "MODEL": "m"}, ["AZURE_OPENAI_API_VERSION"]),
        ({"AZURE_AI_AGENT_NAME": "a"}, ["AZURE_AI_PROJECT_ENDPOINT"]),
        ({"AZURE_AI_PROJECT_ENDPOINT": PROJECT}, ["MODEL"]),
        ({"AZURE_AI_PROJECT_ENDPOINT": PROJECT, "AZURE_AI_AGENT_NAME": "a", "MODEL": "m"}, ["MODEL"]),
        ({"OPENAI_API_KEY": "k", "MODEL": "m", "ASSISTANT_ID": "asst_1"}, ["ASSISTANT_ID"]),
        ({"OPENAI_API_KEY": "k", "MODEL": "m", "AZURE_AI_PROJECT_ENDPOINT": PROJECT}, ["OPENAI_API_KEY"]),
    ],
)
def test_what_is_wrong_with_a_hosted_model_is_told(environ: dict[str, str], about: list[str]) -> None:
    assert [told.split()[0] for told in mistakes(**RESPONSES, **environ)] == about


def test_a_foundry_project_is_no_model_behind_the_embedded_server() -> None:
    told = mistakes(ASSISTANT_BACKEND="embedded", AZURE_AI_PROJECT_ENDPOINT=PROJECT)
    assert any(line.startswith("AZURE_AI_PROJECT_ENDPOINT (environment) needs ASSISTANT_BACKEND=resp") for line in told)


def test_a_wrong_backend_hides_no_other_mistake() -> None:
    told = mistakes(ASSISTANT_BACKEND="cloud", AZURE_OPENAI_API_KEY="k")
    assert [line.split()[0] for line in told] == ["ASSISTANT_BACKEND", "AZURE_OPENAI_ENDPOINT"]


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({}, 3978),
        ({"PORT": "5000"}, 5000),
        ({"CHAT_PAGE": "off"}, None),
        ({"MicrosoftAppId": "1"}, None),
        ({"MicrosoftAppId": "1", "CHAT_PAGE": "on"}, 3979),
        ({"MicrosoftAppId": "1", "CHAT_PAGE": "on", "CHAT_PAGE_PORT": "4000"}, 4000),
        ({"DATABASE_URL": "postgresql://db/x"}, None),
    ],
)
def test_the_chat_page_is_at_the_port_of_the_bot_until_there_is_an_app_id(
    environ: dict[str, str], port: int | None
) -> None:
    assert chat_page_port(read_settings(environ, NO_FILE)) == port


@pytest.mark.parametrize(
    ("environ", "about"),
    [
        ({"HOST": "0.0.0.0"}, "HOST (environment) must be a loopback address as long as MicrosoftAppId"),  # noqa: S104
        ({"HOST": "::"}, "HOST (environment) must be a loopback address as long as MicrosoftAppId"),
        ({"HOST": "127.0.0.2"}, "HOST (environment) must be 127.0.0.1, ::1 or localhost as long as"),  # F16
        ({"CHAT_PAGE": "on", "DATABASE_URL": "postgresql://db/x"}, "CHAT_PAGE (environment) and DATABASE_URL"),
        ({"CHAT_PAGE_PORT": "4000"}, "CHAT_PAGE_PORT (environment) would have no effect"),
        ({"MicrosoftAppId": "1", "CHAT_PAGE_PORT": "4000"}, "CHAT_PAGE_PORT (environment) would have no effect"),
    ],
)
def test_a_setting_of_the_network_that_cannot_be_followed_is_a_mistake(environ: dict[str, str], about: str) -> None:
    assert any(told.startswith(about) for told in mistakes(**environ))


def test_with_an_app_id_any_address_of_the_machine_may_be_listened_on() -> None:
    reading = read_settings({"MicrosoftAppId": "1", "HOST": "0.0.0.0"}, NO_FILE)  # noqa: S104
    assert not [mistake for mistake in check_together(reading) if mistake.name == "HOST"]


def test_teams_needs_an_address_for_links_or_a_storage_that_has_one() -> None:
    [told] = [line for line in mistakes(MicrosoftAppId="1") if line.startswith("PUBLIC_URL")]
    assert "PUBLIC_URL=https://bot.example.com" in told
    for enough in (
        {"PUBLIC_URL": "https://b.example"},
        {"AZURE_STORAGE_ACCOUNT_URL": "https://a.blob.core.windows.net"},
    ):
        reading = read_settings({"MicrosoftAppId": "1", **enough}, NO_FILE)
        assert not [mistake for mistake in check_together(reading) if mistake.name == "PUBLIC_URL"]


def test_links_are_signed_by_one_key_or_by_the_new_one_of_two() -> None:
    new, old = "hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9u", "9uhT4mPq8WzX2kVn6yRb0cJs7dLf3gAe+"
    assert read().link_signing_keys == ()
    assert read(LINK_SIGNING_KEY=new).link_signing_keys == (Secret(new),)
    assert read(LINK_SIGNING_KEY=f"{new}, {old}").link_signing_keys == (Secret(new), Secret(old))


@pytest.mark.parametrize("text", ["secret", "x" * 64, "hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9", "", ",", "a,b,c", "hT4m" * 8])
def test_a_word_is_no_signing_key(text: str) -> None:  # trap 17
    if not text:
        assert read(LINK_SIGNING_KEY=text).link_signing_keys == ()
        return
    [told] = mistakes(LINK_SIGNING_KEY=text)
    assert told.startswith("LINK_SIGNING_KEY (environment) must be")
    assert text not in told.replace("LINK_SIGNING_KEY=hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9u", "") or text == ","


@pytest.mark.parametrize("text", ["59", "-1", "1e6", "315360001", "ten", "9" * 400])
def test_a_link_lives_from_a_minute_to_ten_years(text: str) -> None:
    assert read().link_lifetime_s == 90 * 24 * 3600
    [told] = mistakes(LINK_LIFETIME_S=text)
    assert "from 60 to 315360000" in told


def test_functions_get_their_own_variables_and_what_any_program_needs() -> None:
    settings = read(
        OPENAI_BASE_URL=LOCAL, MODEL="m", FUNCTIONS_DIR="functions", FN_KEY="k", MicrosoftAppPassword="", PATH="/bin"
    )
    assert settings.functions is not None
    assert settings.functions.environment == {"LANG": "C.UTF-8", "FN_KEY": "k", "PATH": "/bin"}
    assert (settings.functions.folder, settings.functions.deadline_s) == (Path("functions").resolve(), 30)


def test_variables_of_functions_may_stand_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"FUNCTIONS_DIR=f\nFN_DIR=/data\nMODEL=m\nOPENAI_BASE_URL={LOCAL}\n", "utf-8")
    file.chmod(0o600)
    settings = Settings.read({}, file)
    assert settings.functions is not None
    assert settings.functions.environment["FN_DIR"] == "/data"


def test_functions_without_a_model_that_could_call_them_are_a_mistake() -> None:
    [told] = mistakes(FUNCTIONS_DIR="functions")
    assert "the built-in tutor calls no functions" in told


def test_a_time_limit_without_functions_is_a_mistake() -> None:
    [told] = mistakes(FUNCTIONS_TIMEOUT_S="3")
    assert told == "FUNCTIONS_TIMEOUT_S (environment) would have no effect: FUNCTIONS_DIR is not set."


def test_a_foundry_project_serves_assistants_by_identity() -> None:
    settings = read(ASSISTANT_BACKEND="assistants", AZURE_AI_PROJECT_ENDPOINT=PROJECT, ASSISTANT_ID="asst_1")
    assert settings.endpoint == FoundryEndpoint(url=PROJECT, agent=None)
    [told] = mistakes(
        ASSISTANT_BACKEND="assistants",
        AZURE_AI_PROJECT_ENDPOINT=PROJECT,
        AZURE_AI_AGENT_NAME="a",
        ASSISTANT_ID="asst_1",
    )
    assert told.startswith("AZURE_AI_AGENT_NAME (environment) needs ASSISTANT_BACKEND=responses")


def test_an_api_version_of_assistants_belongs_to_that_backend() -> None:
    [told] = mistakes(ASSISTANTS_API_VERSION="v1")
    assert told == "ASSISTANTS_API_VERSION (environment) belongs to ASSISTANT_BACKEND=assistants."


def test_limits_are_for_companies_unless_they_are_set() -> None:
    teams = {
        "MicrosoftAppId": "11111111-2222-3333-4444-555555555555",
        "MicrosoftAppPassword": "secret",
        "MicrosoftAppTenantId": "99999999-8888-7777-6666-555555555555",
        "PUBLIC_URL": "https://bot.contoso.example",
    }
    assert Settings.read({}, NO_FILE).limits == Limits()
    assert Settings.read(teams, NO_FILE).limits == Limits(
        questions_per_minute=60, tokens_per_day=10_000_000, code_s_per_hour=1_800
    )
    chosen = {"LIMIT_QUESTIONS_PER_MINUTE": "off", "LIMIT_TOKENS_PER_DAY": "5", "LIMIT_TENANT_TOKENS_PER_DAY": "7"}
    chosen["LIMIT_CODE_SECONDS_PER_HOUR"] = "off"
    read = Settings.read({**teams, **chosen}, NO_FILE).limits
    assert read == Limits(tokens_per_day=5, tenant_tokens_per_day=7)
    with pytest.raises(SettingsError, match="must be a whole number above 0, or off"):
        Settings.read({"LIMIT_TOKENS_PER_DAY": "0"}, NO_FILE)


POOL = "https://westeurope.dynamicsessions.io/subscriptions/s/resourceGroups/r/sessionPools/p"


def test_an_endpoint_alone_puts_code_into_dynamic_sessions() -> None:
    assert read(DYNAMIC_SESSIONS_ENDPOINT=POOL).dynamic_sessions == POOL
    assert read(DYNAMIC_SESSIONS_ENDPOINT=POOL, SANDBOX="dynamic-sessions").dynamic_sessions == POOL
    assert read().dynamic_sessions is None


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"SANDBOX": "dynamic-sessions"}, "DYNAMIC_SESSIONS_ENDPOINT must be the management endpoint"),
        ({"SANDBOX_AT_LEAST": "dynamic-sessions"}, "because of SANDBOX_AT_LEAST"),
        ({"SANDBOX": "local", "DYNAMIC_SESSIONS_ENDPOINT": POOL}, "would have no effect: SANDBOX is local"),
        ({"DYNAMIC_SESSIONS_ENDPOINT": "http://pool.example.com"}, "must begin with https://"),
        (
            {**RESPONSES, "OPENAI_API_KEY": "k", "MODEL": "m", "DYNAMIC_SESSIONS_ENDPOINT": POOL},
            "the service of responses runs the code itself",
        ),
    ],
)
def test_settings_of_dynamic_sessions_that_do_not_fit_together(environ: dict[str, str], told: str) -> None:
    [mistake] = mistakes(**environ)
    assert told in mistake


@pytest.mark.parametrize(
    ("environ", "taken", "refused"),
    [
        ({}, {".csv", ".xls", ".jsonl"}, {".parquet", ".svg"}),
        (
            {"ASSISTANT_BACKEND": "responses", "OPENAI_API_KEY": "k", "MODEL": "m"},
            {".csv", ".zip", ".py"},
            {".parquet", ".svg", ".jsonl", ".ndjson", ".tab"},
        ),
    ],
)
def test_files_are_taken_by_what_the_one_who_answers_can_open(
    environ: dict[str, str], taken: set[str], refused: set[str]
) -> None:
    endings = endings_taken(Settings.read(environ, NO_FILE))
    assert endings is not None
    assert taken <= set(endings)
    assert not refused & set(endings)


def test_a_model_s_code_on_this_machine_is_given_files_of_every_kind() -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k", "MODEL": "m"}
    assert endings_taken(Settings.read(environ, NO_FILE)) is None

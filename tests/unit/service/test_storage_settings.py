from __future__ import annotations

from pathlib import Path

import pytest

from service.greeting import Started, bot_greeting
from service.settings import BlobsByIdentity, BlobsByKey, Secret, Settings, SettingsError, parsers

NO_FILE = Path("/nonexistent/.env")
AZURITE = "AccountName=a;AccountKey=aHVudGVyMg==;BlobEndpoint=http://127.0.0.1:10000/a"
POSTGRES = "postgresql://teamsbot:hunter2@db:5432/teamsbot?sslmode=require"
ELSEWHERE = {
    "ASSISTANT_BACKEND": "assistants",
    "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
    "ASSISTANT_ID": "asst_1",
}
SEVERAL = {**ELSEWHERE, "DATABASE_URL": POSTGRES, "AZURE_STORAGE_CONNECTION_STRING": AZURITE}


def read(**environ: str) -> Settings:
    return Settings.read(environ, NO_FILE)


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_settings_everything_is_kept_in_the_data_folder() -> None:
    settings = read()
    assert (settings.database_url, settings.blobs) == (None, None)


def test_a_storage_is_named_by_its_connection_string_or_by_its_address() -> None:
    assert read(AZURE_STORAGE_CONNECTION_STRING=AZURITE).blobs == BlobsByKey(
        container="teamsbot", connection_string=Secret(AZURITE)
    )
    settings = read(AZURE_STORAGE_ACCOUNT_URL="https://a.blob.core.windows.net/", AZURE_STORAGE_CONTAINER="plots")
    assert settings.blobs == BlobsByIdentity(container="plots", account_url="https://a.blob.core.windows.net")


def test_two_ways_to_the_storage_are_one_too_many() -> None:
    [told] = mistakes(
        AZURE_STORAGE_CONNECTION_STRING=AZURITE, AZURE_STORAGE_ACCOUNT_URL="https://a.blob.core.windows.net"
    )
    assert "keep one" in told


def test_a_container_without_a_storage_is_told_and_not_ignored() -> None:
    [told] = mistakes(AZURE_STORAGE_CONTAINER="plots")
    assert told.startswith("AZURE_STORAGE_CONTAINER (environment) would have no effect")


def test_several_processes_need_an_assistant_and_files_that_all_of_them_reach() -> None:
    settings = read(**SEVERAL)
    assert settings.database_url == Secret(POSTGRES)
    told = mistakes(DATABASE_URL=POSTGRES)
    assert {line.split()[0] for line in told} == {"ASSISTANT_BACKEND", "AZURE_STORAGE_CONNECTION_STRING"}
    assert "ASSISTANT_BACKEND=responses" in " ".join(told)
    assert "hunter2" not in " ".join(told)


def test_what_is_wrong_with_a_database_does_not_hide_what_it_lacks() -> None:
    assert len(mistakes(DATABASE_URL="mysql://hunter2@db/x")) == 3


@pytest.mark.parametrize(
    "text",
    [
        POSTGRES,
        "postgres://db/teamsbot",
        "postgresql://u:p%40%2F@[::1]:5432/x",
        "postgresql:///teamsbot?host=/var/run/postgresql",
    ],
)
def test_an_address_of_postgresql_is_taken_whole(text: str) -> None:
    assert parsers.postgresql_url(text) == Secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "mysql://u:hunter2@db/x",
        "postgresql://",
        "postgresql://u:hunter2@/x",
        "postgresql://u:hunter2#1@db/x",
        "postgresql://u:hunter2/1@db/x",
        "postgresql://u:hunter2@db:99999/x",
        "postgresql://u:hunter2@db:hunter2/x",
        "postgresql+asyncpg://u:hunter2@db/x",
        "host=db password=hunter2",
    ],
)
def test_anything_else_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        parsers.postgresql_url(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        AZURITE,
        "UseDevelopmentStorage=true",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aHVudGVyMg==;EndpointSuffix=core.windows.net;",
        "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig=x%3D",
    ],
)
def test_a_connection_string_is_taken_as_azure_writes_it(text: str) -> None:
    assert parsers.storage_connection_string(text) == Secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "aHVudGVyMg==",
        "AccountName=a",
        "AccountKey=aHVudGVyMg==",
        "AccountName=a;AccountKey=",
        "AccountName=a;AccountKey=hunter2",
        "AccountName=a;AccountKey=hünter2",
        "UseDevelopmentStorage=false",
    ],
)
def test_half_a_connection_string_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        parsers.storage_connection_string(text)
    assert "unter2" not in str(caught.value)
    assert "aHVudGVyMg" not in str(caught.value)


@pytest.mark.parametrize("text", ["http://a.blob.core.windows.net", "a.blob.core.windows.net", "https://u:p@a"])
def test_an_identity_travels_encrypted_or_not_at_all(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parsers.storage_account_url(text)


@pytest.mark.parametrize("text", ["ab", "Plots", "a--b", "-ab", "ab-", "a_b", "a" * 64, "plöts", "a/b", "abc\n"])
def test_a_name_that_azure_does_not_take_is_no_container(text: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        parsers.container_name(text)


def test_the_start_says_where_things_are_kept_and_no_secret() -> None:
    text = bot_greeting(read(**SEVERAL), Started(address="http://127.0.0.1:3978", isolation=None))
    assert "PostgreSQL; files in Azure Blob Storage, container teamsbot" in text
    assert "hunter2" not in text
    assert "Chat " not in text

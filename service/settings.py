"""The settings: read once, from the environment and a .env file, with every mistake told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service import setting_specs as specs
from service import setting_specs_storage as storage_specs
from service.model_endpoint import AzureEndpoint, ModelEndpoint, OpenAIEndpoint, endpoint_of
from service.secret import Secret
from service.setting_values import Backend, LogFormat, LogLevel
from service.settings_reading import Mistake, Reading, read_settings
from service.settings_rules import judge_together
from service.storage_settings import Blobs, BlobsByIdentity, BlobsByKey, blobs_of

__all__ = [
    "AzureEndpoint",
    "Backend",
    "Blobs",
    "BlobsByIdentity",
    "BlobsByKey",
    "LogFormat",
    "LogLevel",
    "ModelEndpoint",
    "OpenAIEndpoint",
    "Secret",
    "Settings",
    "SettingsError",
]


class SettingsError(ValueError):
    """The settings cannot be used; every mistake at once, none with a value in it."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(f"- {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What this program was told to do. `model` and `endpoint` are both None for the built-in tutor.

    `public_url` has no slash at its end; None means the address that the service listens on. Without `database_url`
    turns are kept in `data_dir`, without `blobs` files are.
    """

    host: str
    port: int
    public_url: str | None
    data_dir: Path
    database_url: Secret | None
    blobs: Blobs | None
    backend: Backend
    assistant_id: str | None
    assistant_name: str
    assistant_instructions: str
    assistants_api_key: Secret | None
    model: str | None
    endpoint: ModelEndpoint | None
    sandbox_python: Path
    run_deadline_s: float
    log_level: LogLevel
    log_format: LogFormat
    no_color: bool

    @classmethod
    def read(cls, environ: Mapping[str, str], env_file: Path) -> Settings:
        """Read all settings; names in the environment come before those in the file. Raises SettingsError."""
        reading = read_settings(environ, env_file)
        mistakes = (*reading.mistakes, *judge_together(reading))
        if mistakes:
            raise SettingsError(mistakes)
        return cls._of(reading)

    @classmethod
    def _of(cls, reading: Reading) -> Settings:
        return cls(
            host=reading.value(specs.HOST),
            port=reading.value(specs.PORT),
            public_url=reading.optional(specs.PUBLIC_URL),
            data_dir=reading.value(specs.DATA_DIR),
            database_url=reading.optional(storage_specs.DATABASE_URL),
            blobs=blobs_of(reading),
            backend=reading.value(specs.ASSISTANT_BACKEND),
            assistant_id=reading.optional(specs.ASSISTANT_ID),
            assistant_name=reading.value(specs.ASSISTANT_NAME),
            assistant_instructions=reading.value(specs.ASSISTANT_INSTRUCTIONS),
            assistants_api_key=reading.optional(specs.ASSISTANTS_API_KEY),
            model=reading.optional(specs.MODEL),
            endpoint=endpoint_of(reading),
            sandbox_python=reading.optional(specs.TEAMSBOT_SANDBOX_PYTHON) or specs.default_sandbox_python(),
            run_deadline_s=reading.value(specs.TEAMSBOT_RUN_DEADLINE_S),
            log_level=reading.value(specs.LOG_LEVEL),
            log_format=reading.value(specs.LOG_FORMAT),
            no_color=reading.optional(specs.NO_COLOR) is not None,
        )

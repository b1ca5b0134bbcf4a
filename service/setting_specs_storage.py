"""The settings of where turns and files are kept, for the table in `setting_specs`."""

from __future__ import annotations

from typing import Final

from service import storage_values as values
from service.setting_spec import Section, SettingSpec

DATABASE_URL: Final = SettingSpec(
    name="DATABASE_URL",
    section=Section.STORAGE,
    doc="PostgreSQL (14 or newer) for turns and threads, instead of a file in DATA_DIR: for several processes that "
    "share the work. Needs ASSISTANT_BACKEND=assistants and Azure Blob Storage: each of them must reach everything.",
    example="postgresql://teamsbot:password@db.example.com:5432/teamsbot?sslmode=require",
    parse=values.postgresql_url,
    secret=True,
)
AZURE_STORAGE_CONNECTION_STRING: Final = SettingSpec(
    name="AZURE_STORAGE_CONNECTION_STRING",
    section=Section.STORAGE,
    doc="Azure Blob Storage for plots and files, instead of a folder in DATA_DIR; as the portal shows it "
    "under Access keys.",
    example="DefaultEndpointsProtocol=https;AccountName=my;AccountKey=bXkta2V5;EndpointSuffix=core.windows.net",
    parse=values.storage_connection_string,
    secret=True,
)
AZURE_STORAGE_ACCOUNT_URL: Final = SettingSpec(
    name="AZURE_STORAGE_ACCOUNT_URL",
    section=Section.STORAGE,
    doc="The same without a key: by the managed identity of the machine, or the login of a developer. It needs the "
    "role Storage Blob Data Contributor. AZURE_CLIENT_ID in the environment chooses one of several identities.",
    example="https://my.blob.core.windows.net",
    parse=values.storage_account_url,
)
AZURE_STORAGE_CONTAINER: Final = SettingSpec(
    name="AZURE_STORAGE_CONTAINER",
    section=Section.STORAGE,
    doc="Container for them. Made, private, if it is missing.",
    example="plots",
    parse=values.container_name,
    default="teamsbot",
)

STORAGE_SPECS: Final[tuple[SettingSpec[object], ...]] = (
    DATABASE_URL,
    AZURE_STORAGE_CONNECTION_STRING,
    AZURE_STORAGE_ACCOUNT_URL,
    AZURE_STORAGE_CONTAINER,
)

"""The settings: one table, read once at the start from the environment and a .env file."""

from service.settings.parsers import AppType, Backend, LogFormat, LogLevel
from service.settings.secret import Secret
from service.settings.settings import (
    AzureEndpoint,
    Blobs,
    BlobsByIdentity,
    BlobsByKey,
    ClientCertificate,
    ClientSecret,
    FederatedIdentity,
    FoundryEndpoint,
    FunctionsSettings,
    ManagedIdentity,
    ModelEndpoint,
    OpenAIEndpoint,
    Settings,
    SettingsError,
    TeamsSettings,
    read_functions,
)

__all__ = [
    "AppType",
    "AzureEndpoint",
    "Backend",
    "Blobs",
    "BlobsByIdentity",
    "BlobsByKey",
    "ClientCertificate",
    "ClientSecret",
    "FederatedIdentity",
    "FoundryEndpoint",
    "FunctionsSettings",
    "LogFormat",
    "LogLevel",
    "ManagedIdentity",
    "ModelEndpoint",
    "OpenAIEndpoint",
    "Secret",
    "Settings",
    "SettingsError",
    "TeamsSettings",
    "read_functions",
]

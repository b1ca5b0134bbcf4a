"""The settings: one table, read once at the start from the environment and a .env file."""

from service.settings.parsers import Backend, LogFormat, LogLevel
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
    ManagedIdentity,
    ModelEndpoint,
    OpenAIEndpoint,
    Settings,
    SettingsError,
    TeamsSettings,
)

__all__ = [
    "AzureEndpoint",
    "Backend",
    "Blobs",
    "BlobsByIdentity",
    "BlobsByKey",
    "ClientCertificate",
    "ClientSecret",
    "FederatedIdentity",
    "FoundryEndpoint",
    "LogFormat",
    "LogLevel",
    "ManagedIdentity",
    "ModelEndpoint",
    "OpenAIEndpoint",
    "Secret",
    "Settings",
    "SettingsError",
    "TeamsSettings",
]

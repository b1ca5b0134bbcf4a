"""Who stands behind the embedded server: the endpoint that the settings name, or the built-in tutor."""

from __future__ import annotations

from adapters.embedded.models.chat_completions import ChatCompletions
from adapters.embedded.models.chat_errors import SettingNames
from adapters.embedded.models.port import Model
from adapters.embedded.models.tutor_model import NAME, TutorModel
from service.settings import AzureEndpoint, OpenAIEndpoint, Settings

TUTOR = NAME


def model_behind(settings: Settings) -> Model:
    """The model, not yet connected."""
    match settings.endpoint:
        case None:
            return TutorModel()
        case OpenAIEndpoint(base_url=url, api_key=key):
            return ChatCompletions(
                base_url=url,
                api_key=key.reveal() if key else "none",
                model=settings.model or "",
                settings=SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL"),
            )
        case AzureEndpoint(url=url, api_key=key, api_version=version):
            return ChatCompletions.on_azure(
                endpoint=url,
                api_key=key.reveal(),
                api_version=version,
                model=settings.model or "",
                settings=SettingNames(url="AZURE_OPENAI_ENDPOINT", key="AZURE_OPENAI_API_KEY", model="MODEL"),
            )

"""From settings to a model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codefactory.pipelines.models import Model
    from codefactory.pipelines.settings import Settings

HOW_TO_GET_ONE = (
    "No model is configured, so only deterministic fixes were tried. To let a model try the rest, name one: "
    "--model openai/gpt-4o-mini, or any other that litellm knows; --api-base for a server of your own."
)


def make_model(settings: Settings) -> Model | None:
    """The configured model; None when none is named. Nothing is imported or contacted before its first use."""
    chosen = settings.model
    if chosen.name is None:
        return None
    from codefactory.pipelines.models import LiteLLMModel

    key = chosen.api_key.get_secret_value() if chosen.api_key else None
    if key is None and chosen.api_key_env:
        key = os.environ.get(chosen.api_key_env)
    return LiteLLMModel(chosen.name, api_base=chosen.api_base, api_key=key, timeout_s=chosen.timeout_s)

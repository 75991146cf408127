"""Models: something that completes text. litellm is imported by `litellm_backend` only, on first use."""

from .litellm_model import LiteLLMModel
from .model import NO_USAGE, Chunk, Message, Model, ModelError, ModelErrorCategory, Price, Role, Usage

__all__ = [
    "NO_USAGE",
    "Chunk",
    "LiteLLMModel",
    "Message",
    "Model",
    "ModelError",
    "ModelErrorCategory",
    "Price",
    "Role",
    "Usage",
]

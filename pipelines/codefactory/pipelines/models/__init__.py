"""Models: something that completes text. httpx, and litellm where it is needed, are imported on first use."""

from codefactory.pipelines.role import Role

from .connect import connect, is_direct
from .litellm_model import LiteLLMModel
from .model import (
    NO_USAGE,
    Chunk,
    Finish,
    Image,
    Message,
    Model,
    ModelError,
    ModelErrorCategory,
    Options,
    Price,
    ToolCall,
    ToolSpec,
    Usage,
)
from .openai_compatible import OpenAICompatibleModel
from .retries import Retries
from .source import ModelSource

__all__ = [
    "NO_USAGE",
    "Chunk",
    "Finish",
    "Image",
    "LiteLLMModel",
    "Message",
    "Model",
    "ModelError",
    "ModelErrorCategory",
    "ModelSource",
    "OpenAICompatibleModel",
    "Options",
    "Price",
    "Retries",
    "Role",
    "ToolCall",
    "ToolSpec",
    "Usage",
    "connect",
    "is_direct",
]

"""Models: something that completes text. litellm is imported by `litellm_model` only, on first use."""

from .model import Chunk, Message, Model, ModelError, ModelErrorCategory, Usage

__all__ = ["Chunk", "Message", "Model", "ModelError", "ModelErrorCategory", "Usage"]

"""What a model is asked, as templates that can be read and tested as text."""

from .masking import Masked, mask
from .repair import Previous, Prompt, Related, ReplyStyle, render_repair

__all__ = ["Masked", "Previous", "Prompt", "Related", "ReplyStyle", "mask", "render_repair"]

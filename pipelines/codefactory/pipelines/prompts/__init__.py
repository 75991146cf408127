"""What a model is asked, as templates that can be read and tested as text."""

from .library import PromptLibrary
from .masking import Masked, mask
from .repair import Previous, Prompt, Related, ReplyStyle, render_repair
from .stage import Material, Stage, StagePrompt, render_stage

__all__ = [
    "Masked",
    "Material",
    "Previous",
    "Prompt",
    "PromptLibrary",
    "Related",
    "ReplyStyle",
    "Stage",
    "StagePrompt",
    "mask",
    "render_repair",
    "render_stage",
]

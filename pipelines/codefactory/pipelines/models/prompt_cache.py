"""Hints for providers that cache the beginning of a prompt.

OpenAI, DeepSeek, Gemini and local servers recognise a beginning that they have seen; all they need is that what stays
the same comes first. Anthropic's models cache only up to where a request says so.
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDS_MARKS = re.compile(r"^claude|^anthropic/|^(bedrock|vertex_ai|openrouter|azure_ai)/.*claude", re.IGNORECASE)
MARK = {"type": "ephemeral"}


def mark_stable(model: str, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages of a request in OpenAI's form, marked where `model` needs it: after the system's, and in a
    conversation also after the newest, since the next request goes on from there."""
    marked = list(messages)
    if not _NEEDS_MARKS.search(model):
        return marked
    places = {n for n, message in enumerate(marked) if message.get("role") == "system"}
    if any(message.get("role") == "assistant" for message in marked):
        places.add(len(marked) - 1)
    for n in places:
        marked[n] = _marked(marked[n])
    return marked


def _marked(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not content:  # an empty text cannot be marked
        return message
    blocks: list[dict[str, Any]] = (
        [{"type": "text", "text": content}] if isinstance(content, str) else list(cast("list[dict[str, Any]]", content))
    )
    blocks[-1] = blocks[-1] | {"cache_control": MARK}
    return message | {"content": blocks}

"""Where a provider is told that a prompt's beginning can be cached."""

from __future__ import annotations

from typing import Any

import pytest

from codefactory.pipelines.models.prompt_cache import mark_stable

SYSTEM = {"role": "system", "content": "rules"}
USER = {"role": "user", "content": "do it"}
ANSWER = {"role": "assistant", "content": "done"}
MARK = {"type": "ephemeral"}


def text(content: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content, "cache_control": MARK}]


@pytest.mark.parametrize(
    "model", ["claude-haiku-4-5", "anthropic/claude-opus-5", "bedrock/eu.anthropic.claude-x", "vertex_ai/claude-y"]
)
def test_the_rules_are_marked_for_anthropics_models(model: str) -> None:
    assert mark_stable(model, [SYSTEM, USER]) == [{"role": "system", "content": text("rules")}, USER]


@pytest.mark.parametrize("model", ["openai/gpt-4o", "gemini/gemini-2.5-pro", "embedded/qwen", "my-claude-like"])
def test_others_need_no_mark(model: str) -> None:
    assert mark_stable(model, [SYSTEM, USER]) == [SYSTEM, USER]


def test_a_conversation_is_marked_at_its_end_too() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    newest = {"role": "user", "content": [{"type": "text", "text": "and this?"}, image]}
    marked = mark_stable("claude-x", [SYSTEM, USER, ANSWER, newest])
    assert marked[1:3] == [USER, ANSWER]
    assert marked[3]["content"] == [newest["content"][0], image | {"cache_control": MARK}]
    assert newest["content"][1] == image


def test_an_empty_message_is_left_as_it_is() -> None:
    empty = {"role": "system", "content": ""}
    assert mark_stable("claude-x", [empty, USER]) == [empty, USER]

"""`render_stage()`: the request for a stage of work that is not the repair of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from codefactory.pipelines.models import Message

from .framing import DATA_RULE, Framing
from .library import PromptLibrary
from .masking import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Problem

Stage = Literal["analyze", "generate", "test", "review", "explain"]


@dataclass(frozen=True, slots=True)
class Material:
    """What a model is to read, as data and never as an instruction."""

    kind: str
    """The word of its data tags: letters, e.g. "file", "findings", "requirements"."""
    intro: str
    """The sentence before it."""
    text: str


@dataclass(frozen=True, slots=True)
class StagePrompt:
    messages: tuple[Message, ...]
    versions: tuple[str, ...]
    """Which templates it is made of, for the evidence."""
    problems: tuple[Problem, ...] = ()
    """Templates of the user's that could not be used."""


def render_stage(
    stage: Stage,
    task: str,
    *,
    language: str,
    reply: str,
    materials: Sequence[Material] = (),
    library: PromptLibrary | None = None,
) -> StagePrompt:
    """`task`: what the user wants, in words: the one thing that is an instruction. `reply`: the form of the reply, of
    whoever reads it. Hard-coded secrets in the materials are replaced. Reads files: not for an event loop."""
    library = library or PromptLibrary()
    hidden = [mask(m.text) for m in materials]
    shown = [Material(m.kind, m.intro, h.text) for m, h in zip(materials, hidden, strict=True)]
    secure = library.secure_rules(language)
    system = library.render(
        f"{stage}-system",
        language=language,
        secure=secure.text.strip() if secure else "",
        data_rule=DATA_RULE,
        reply=reply,
    )
    request = library.render(
        "task-request",
        language=language,
        framing=Framing.around([m.text for m in shown]),
        materials=shown,
        has_secrets=any(h.secrets for h in hidden),
        task=task,
    )
    parts = [part for part in (system, secure, request) if part is not None]
    return StagePrompt(
        (Message("system", system.text), Message("user", request.text)),
        tuple(part.version for part in parts),
        tuple(dict.fromkeys(problem for part in parts for problem in part.problems)),
    )

"""`render_repair()`: the request for the repair of one file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from codefactory.analyzers.text import Text
from codefactory.pipelines.budget import tokens_of
from codefactory.pipelines.models import Message
from codefactory.pipelines.replies import Applied, NotApplied, apply_reply, parse_reply

from .excerpt import excerpt
from .framing import DATA_RULE, Framing
from .library import PromptLibrary
from .masking import Masked, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from codefactory.analyzers import Finding, Problem, Snapshot
    from codefactory.pipelines.verdict import Verdict

ReplyStyle = Literal["blocks", "json", "function"]
"""What is asked for. Whatever comes is read: see `replies`."""

MAX_FINDINGS = 20
MAX_LINE_CHARACTERS = 300
MAX_PREVIOUS_CHARACTERS = 1500


@dataclass(frozen=True, slots=True)
class Related:
    """Another file that a model may see to understand the one it repairs."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Previous:
    """The round before: what the model wrote, and why that was not enough."""

    reply: str
    outcome: Verdict | str
    """The gate's verdict, or why the reply could not be applied."""


@dataclass(frozen=True)
class Prompt:
    """A request, and the way back from its reply to the text."""

    messages: tuple[Message, ...]
    masked: Masked
    """The text as the model sees it."""
    findings: tuple[Finding, ...] = field(repr=False)  # their messages may quote a secret
    """Those it is asked to repair. Others had no room: another round can ask for them."""
    versions: tuple[str, ...] = ()
    """Which templates it is made of, for the evidence."""
    problems: tuple[Problem, ...] = ()
    """Templates of the user's that could not be used."""

    def apply(self, reply: str, blocks: Collection[int] | None = None) -> Applied | NotApplied:
        """The text after the edits in `reply`, secrets in their places again. `blocks`: only these, from 1."""
        parsed = parse_reply(reply)
        if blocks is not None:
            parsed = replace(parsed, blocks=tuple(b for n, b in enumerate(parsed.blocks, start=1) if n in blocks))
        result = apply_reply(self.masked.text, parsed)
        return replace(result, text=self.masked.restore(result.text)) if isinstance(result, Applied) else result


def render_repair(
    snapshot: Snapshot,
    findings: Sequence[Finding],
    context: Sequence[Related] = (),
    previous: Previous | None = None,
    reply_style: ReplyStyle = "blocks",
    *,
    max_tokens: int = 6000,
    token: Callable[[], str] | None = None,
    library: PromptLibrary | None = None,
) -> Prompt:
    """Ask for the repair of `findings` in `snapshot`.

    `max_tokens`: for the file itself; related files get a third of that in addition. A longer file is shown in part.
    `library`: the templates; by default the user's own and the bundled ones. What stays the same in the next round
    comes first, for providers that cache a prompt's beginning. Reads files, and takes milliseconds on a large text: not
    for an event loop.
    """
    library = library or PromptLibrary()
    masked = mask(snapshot.text, findings)
    text = Text(masked.text)
    wanted = findings[:MAX_FINDINGS]
    shown = excerpt(text, [f.span.start.line for f in wanted], snapshot.language, max_tokens)
    asked = tuple(f for f in wanted if f.span.start.line in shown.lines)
    listed = "\n".join(_finding(n, f, text, masked) for n, f in enumerate(asked, start=1))
    related = _related(context, masked, max_tokens // 3)
    refused = None if previous is None else masked.hide(_outcome(previous.outcome))
    previous_reply = "" if previous is None else masked.hide(_shortened(previous.reply))
    stable = (*(p.text for p in shown.pieces), *related)
    secure = library.secure_rules(snapshot.language)
    request = library.render(
        "repair-request",
        language=snapshot.language,
        framing=Framing.around((*stable, listed, previous_reply, refused or ""), token, stable=stable),
        pieces=shown.pieces,
        whole=shown.whole,
        findings=listed,
        related=related,
        refused=refused,
        previous_reply=previous_reply,
        has_secrets=bool(masked.secrets),
        style=reply_style,
    )
    system = library.render(
        "repair-system",
        language=snapshot.language,
        secure=secure.text.strip() if secure else "",
        data_rule=DATA_RULE,
        style=reply_style,
    )
    parts = [part for part in (system, secure, request) if part is not None]
    return Prompt(
        (Message("system", system.text), Message("user", request.text)),
        masked,
        asked,
        tuple(part.version for part in parts),
        tuple(dict.fromkeys(problem for part in parts for problem in part.problems)),
    )


def _finding(number: int, finding: Finding, text: Text, masked: Masked) -> str:
    line = text.line(finding.span.start.line).strip("\ufeff \t")
    message = " ".join(masked.hide(finding.message).split())
    severity = finding.severity.name.lower()
    return (
        f"{number}. Line {finding.span.start.line + 1}, {finding.tool} {finding.code} ({severity}): "
        f"{message[:MAX_LINE_CHARACTERS]}\n   {line[:MAX_LINE_CHARACTERS]}"
    )


def _outcome(outcome: Verdict | str) -> str:
    if isinstance(outcome, str):
        return outcome
    lines = [
        f"- {f'Line {reason.span.start.line + 1}: ' if reason.span else ''}{reason.message}"
        for reason in outcome.reasons
    ]
    return "\n".join(lines) or "- Accepted, but findings remain."


def _related(context: Sequence[Related], masked: Masked, max_tokens: int) -> list[str]:
    """As many of the files as have room, whole, each with its name as the first line."""
    out: list[str] = []
    for related in context:
        content = f"File {related.name}\n{masked.hide(mask(related.text, prefix='REDACTED_ELSEWHERE').text)}"
        max_tokens -= tokens_of(content)
        if max_tokens < 0:
            break
        out.append("\n".join(content.splitlines()))
    return out


def _shortened(reply: str) -> str:
    return reply if len(reply) <= MAX_PREVIOUS_CHARACTERS else reply[:MAX_PREVIOUS_CHARACTERS] + "\n[cut]"

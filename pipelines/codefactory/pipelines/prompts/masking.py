"""`mask()`: no secret leaves in a prompt.

A hard-coded secret is replaced by a placeholder of one line, inside of its string, before a model sees the text; the
edits are applied to the text with placeholders, and `restore` puts the secrets back. So lines keep their numbers.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from codefactory.analyzers.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from codefactory.analyzers import Finding

FLAGGED_CODES = frozenset({"B105", "B106", "B107", "S105", "S106", "S107"})
"""Bandit's and ruff's rules for hard-coded passwords."""
MAX_FLAGGED_LINES = 50
MAX_SOUGHT = 200

# Every quantifier is bounded, and a literal that does not close is consumed all the same: the time is linear.
_LITERAL = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\\n\r]){0,400})(\1?)""")
_NAMED = re.compile(
    r"""(?:password|passwd|passphrase|pwd|secret|token|api_?key|access_?key|private_?key|credentials?)"""
    r"""(?!_?(?:url|uri|type|name|path|file|endpoint|header|field|param|env|prefix|scope))\w{0,12}["']?\]?"""
    r"""[ \t]{0,8}(?::[ \t]{0,4}[\w.\[\]| ]{1,40})?(?:={1,2}|:)[ \t]{0,8}[rbfu]{0,2}"""
    r"""(["'])((?:\\.|(?!\1)[^\\\n\r]){1,400})\1""",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[opsur]_[A-Za-z0-9]{30,100}|github_pat_\w{20,100}|glpat-[\w-]{16,80}"
    r"|sk-[\w-]{20,200}|xox[abprs]-[\w-]{10,200}|AIza[\w-]{35}|hf_[A-Za-z0-9]{20,80}|npm_[A-Za-z0-9]{30,80}"
    r"|pypi-[\w-]{16,300}|eyJ[\w-]{8,2000}\.[\w-]{8,2000}\.[\w-]{8,2000})"
)
_URL_PASSWORD = re.compile(r"://[^\s:/@\"'{}]{1,100}:([^\s:/@\"'{}]{1,200})@")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----([^-]{0,20000})-----END")
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{8,}")
_RANDOM_ALPHABET = re.compile(r"[A-Za-z0-9+/=_.\-]{20,400}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{32,400}")
_WORD = re.compile(r"""[^\s"'(),;\[\]{}=]+""")
_RANDOM_BITS = 4.2
_RANDOM_HEXADECIMAL_BITS = 3.0


@dataclass(frozen=True)
class Masked:
    """A text in which placeholders stand for secrets."""

    text: str
    secrets: Mapping[str, str] = field(repr=False)
    """Placeholder → secret."""

    def restore(self, text: str) -> str:
        """`text` with the secrets in the place of their placeholders."""
        return self._placeholder.sub(lambda m: self.secrets.get(m[0], m[0]), text) if self.secrets else text

    def hide(self, text: str) -> str:
        """Another text, such as an analyzer's message about this one, without the secrets."""
        for placeholder, secret in sorted(self.secrets.items(), key=lambda item: -len(item[1])):
            for quote in ("'", '"'):
                text = text.replace(f"{quote}{secret}{quote}", f"{quote}{placeholder}{quote}")
            if _is_distinctive(secret):
                text = text.replace(secret, placeholder)
        return text

    @cached_property
    def _placeholder(self) -> re.Pattern[str]:
        prefix = next(iter(self.secrets)).rpartition("_")[0]
        return re.compile(rf"{prefix}_\d+")


def mask(text: str, findings: Iterable[Finding] = (), prefix: str = "REDACTED") -> Masked:
    """Replace what is, or may be, a secret: strings that an analyzer flags as one, strings assigned to names of
    secrets, keys of known shapes, passwords in URLs, private keys, and strings that look random.

    The placeholders are `prefix`, "_" and a number; the prefix is lengthened until it does not occur in the text.
    """
    spans = _merged([*_by_pattern(text), *_by_finding(text, findings)])
    values = {text[start:end] for start, end in spans}
    spans += _elsewhere(text, sorted(value for value in values if _is_distinctive(value)))
    while prefix in text:
        prefix += "X"
    placeholders: dict[str, str] = {}
    pieces: list[str] = []
    at = 0
    for start, end in _merged(spans):
        value = text[start:end]
        placeholder = placeholders.setdefault(value, f"{prefix}_{len(placeholders) + 1}")
        pieces += (text[at:start], placeholder)
        at = end
    pieces.append(text[at:])
    return Masked("".join(pieces), {placeholder: value for value, placeholder in placeholders.items()})


def hide_known_shapes(text: str, placeholder: str = "REDACTED") -> str:
    """The text without keys of known shapes, passwords in URLs and private keys: for logs, which need none back."""
    spans = [m.span() for m in _SHAPES.finditer(text)]
    spans += [m.span(1) for m in _URL_PASSWORD.finditer(text)]
    spans += [m.span(1) for m in _PRIVATE_KEY.finditer(text)]
    for start, end in reversed(_merged(spans)):
        text = f"{text[:start]}{placeholder}{text[end:]}"
    return text


def _by_pattern(text: str) -> Iterator[tuple[int, int]]:
    yield from (m.span(2) for m in _NAMED.finditer(text))
    yield from (m.span() for m in _SHAPES.finditer(text))
    yield from (m.span(1) for m in _URL_PASSWORD.finditer(text))
    yield from (m.span(2) for m in _LITERAL.finditer(text) if m[3] and _looks_random(m[2]))
    for key in _PRIVATE_KEY.finditer(text):
        yield from (m.span() for m in _KEY_LINE.finditer(text, *key.span(1)))


def _by_finding(text: str, findings: Iterable[Finding]) -> Iterator[tuple[int, int]]:
    """The strings that a finding is about: those with a secret's name, or else all in its lines."""
    lines = Text(text)
    for finding in findings:
        if finding.code not in FLAGGED_CODES:
            continue
        first, last = finding.span.start.line, finding.span.end.line
        if first >= lines.line_count:
            continue
        start = lines.line_starts[first]
        beyond = min(last + 1, first + MAX_FLAGGED_LINES, lines.line_count)
        end = lines.line_starts[beyond] if beyond < lines.line_count else len(text)
        if not _NAMED.search(text, start, end):
            yield from (m.span(2) for m in _LITERAL.finditer(text, start, end) if m[3] and m[2])


def _elsewhere(text: str, values: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where else the values are: the first ones anywhere, those beyond, lest the time grow with each, as words."""
    for value in values[:MAX_SOUGHT]:
        yield from (m.span() for m in re.finditer(re.escape(value), text))
    if beyond := frozenset(values[MAX_SOUGHT:]):
        yield from (m.span() for m in _WORD.finditer(text) if m[0] in beyond)


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, without empty ones and without overlaps: of two that overlap, the one that begins first, extended."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def _looks_random(value: str) -> bool:
    if _HEXADECIMAL.fullmatch(value):
        return _bits(value.lower()) >= _RANDOM_HEXADECIMAL_BITS
    if not _RANDOM_ALPHABET.fullmatch(value):
        return False
    kinds = (any(c.isdigit() for c in value), any(c.islower() for c in value), any(c.isupper() for c in value))
    return all(kinds) and _bits(value) >= _RANDOM_BITS


def _bits(value: str) -> float:
    """Shannon entropy a character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def _is_distinctive(value: str) -> bool:
    """Whether the value is itself wherever it stands: "hunter2!" is, "password" is also a word."""
    return len(value) >= 6 and any(c.isdigit() or not (c.isalnum() or c in "_ ") for c in value)

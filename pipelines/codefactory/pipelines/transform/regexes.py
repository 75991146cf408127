"""Regular expressions with a bound on time: a pattern that backtracks for ever fails."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .limits import MAX_TEXT, TooMuchError, TransformError

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 2.0
MAX_PATTERN = 2000


@lru_cache(maxsize=256)
def compiled(pattern: str, flags: str = "") -> Any:
    """A pattern of the `regex` package. Raises TransformError. Flags: `i`, `m`, `s`, `x`."""
    import regex

    if len(pattern) > MAX_PATTERN:
        raise TransformError(f"the pattern is longer than {MAX_PATTERN} characters")
    value = 0
    for letter in flags:
        value |= {"i": regex.I, "m": regex.M, "s": regex.S, "x": regex.X}[letter]
    try:
        return regex.compile(pattern, value)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise TransformError(f"the pattern `{pattern[:80]}` is not valid: {error}") from error


def findall(text: str, pattern: str, flags: str) -> list[Any]:
    """The matches; of a pattern with groups, their groups; with names, a mapping each."""
    found = compiled(pattern, flags)

    def work() -> list[Any]:
        results: list[Any] = []
        for match in found.finditer(text, timeout=TIMEOUT_S, concurrent=True):
            named = match.groupdict()
            groups = match.groups()
            results.append(named or (match[0] if not groups else groups[0] if len(groups) == 1 else list(groups)))
            if len(results) > 1_000_000:
                raise TooMuchError(f"the pattern `{pattern[:80]}` matches more than 1,000,000 times")
        return results

    return _bounded(work, pattern)


def matches(text: str, pattern: str, flags: str) -> bool:
    found = compiled(pattern, flags)
    return _bounded(lambda: found.search(text, timeout=TIMEOUT_S, concurrent=True) is not None, pattern)


def split(text: str, pattern: str, flags: str) -> list[str]:
    found = compiled(pattern, flags)
    return _bounded(lambda: [part or "" for part in found.split(text, timeout=TIMEOUT_S, concurrent=True)], pattern)


def replace(text: str, pattern: str, replacement: str, flags: str) -> str:
    """`replacement` may say `\\1` and `\\g<name>`."""
    found = compiled(pattern, flags)

    def work() -> str:
        parts: list[str] = []
        at = size = 0
        for match in found.finditer(text, timeout=TIMEOUT_S, concurrent=True):
            new = match.expand(replacement)
            parts += (text[at : match.start()], new)
            at = match.end()
            size += len(new)
            if size > MAX_TEXT:
                raise TooMuchError(f"the replacements would have more than {MAX_TEXT:,} characters")
        parts.append(text[at:])
        return "".join(parts)

    return _bounded(work, pattern)


def _bounded(work: Callable[[], Any], pattern: str) -> Any:
    import regex

    try:
        return work()
    except TimeoutError as error:
        raise TooMuchError(
            f"the pattern `{pattern[:80]}` took more than {TIMEOUT_S:g} s; it backtracks too much"
        ) from error
    except (regex.error, IndexError, KeyError) as error:
        raise TransformError(f"the replacement for `{pattern[:80]}` is not valid: {error}") from error

"""B311: `random` can be predicted. → `secrets`, which asks the operating system: `secrets.choice`, `randbits`,
`randbelow` and `token_bytes` where they are the same function, else a method of `secrets.SystemRandom()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import statement_span, vocabulary, words_in
from .nodes import string_value
from .source import MAX_TOGETHER
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "system-random"
_SAME = {"choice": "choice", "getrandbits": "randbits", "randbytes": "token_bytes", "randrange": "randbelow"}
_METHODS = vocabulary("random randint choices uniform triangular sample") | _SAME.keys()
_HARMLESS = vocabulary("backoff delay interval jitter noise probability retries retry sleep wait")
"""Words of values that need not be secret."""
_STATE = vocabulary("seed getstate setstate")
_NOTE = "The values can no longer be repeated with random.seed, which other files may call, and take longer to make."


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _function(source, c) in {*_METHODS, "Random"})
    if reason := source.once(_reproducible):
        raise Decline(reason)
    new = _replacement(source, call)
    title, calls = f"Use secrets.{new}", {call: new}
    root = _root(call.func)
    if root is not None:
        alike = source.once(_replaceable).get(root.value, {})
        uses = source.uses(root.value)
        if 1 < len(uses) <= MAX_TOGETHER and {_root(c.func) for c in alike} == set(uses):
            # Leaving some would do no harm, but replacing all of them lets the import go.
            title, calls = "Use secrets throughout the file", alike
    module, imports = source.importing("secrets")
    edits = [*imports, *(source.replace(c.func, f"{module}.{n}") for c, n in calls.items())]
    if root is not None:
        edits += source.without_import(root.value, *(c.func for c in calls))
    return [Fix(title, tuple(edits), Safety.REVIEW, NAME, (_NOTE,))]


def _replacement(source: Source, call: cst.Call) -> str:
    """What of `secrets` to call instead."""
    if harmless := _HARMLESS & words_in(source, statement_span(source, call)):
        raise Decline(f"`{min(harmless)}` is near: to predict the value gains nobody anything")
    function = _function(source, call)
    if function == "Random":
        if call.args:
            raise Decline("the generator gets a seed: its values are meant to be repeatable")
        return "SystemRandom"
    return _SAME[function] if _is_same(function, call) else f"SystemRandom().{function}"


def _replaceable(source: Source) -> dict[str, dict[cst.Call, str]]:
    """Name that is called through → the calls that can be replaced, with what replaces them."""
    found: dict[str, dict[cst.Call, str]] = {}
    for call in source.all(cst.Call):
        root = _root(call.func)
        if root is None or _function(source, call) not in {*_METHODS, "Random"}:
            continue
        try:
            found.setdefault(root.value, {})[call] = _replacement(source, call)
        except Decline:
            continue
    return found


def _root(function: cst.BaseExpression) -> cst.Name | None:
    """The `random` of `random.choice`."""
    while isinstance(function, cst.Attribute):
        function = function.value
    return function if isinstance(function, cst.Name) else None


def _function(source: Source, call: cst.Call) -> str:
    """`choice` for `random.choice`, however it was imported; empty for anything else."""
    module, _, function = (source.qualified_name(call.func) or "").rpartition(".")
    return function if module == "random" else ""


def _is_same(function: str, call: cst.Call) -> bool:
    one = len(call.args) == 1 and not call.args[0].star and call.args[0].keyword is None
    return function in _SAME and (one or (function == "choice" and not call.args))


def _reproducible(source: Source) -> str:
    """Why the values of this file are meant to be repeatable, or ""."""
    for name in source.all(cst.Name):
        if name.value in _STATE:
            return f"`{name.value}` is used in this file: its random values are meant to be repeatable"
    for string in source.all(cst.SimpleString):
        value = string_value(string) or ""
        if value == "random" or value.startswith("random.") or ".random." in value:
            return "the random module seems to be replaced by a mock in this file"
    return ""


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B311"}),
        _fix,
        not_applied="The file seeds its generator, keeps its state, or mocks the module; or the statement's names "
        "say that the value is for a delay or the like.",
    ),
)

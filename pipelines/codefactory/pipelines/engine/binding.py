"""How a Python function becomes a step: where each of its parameters comes from, and how it is called."""

from __future__ import annotations

import hashlib
import inspect
import types
import typing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from .context import Context
from .plan import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .plan import Mode, Step
    from .scope import Scope

SourceKind = Literal["step", "input", "channel", "context", "local", "constant"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a parameter's value comes from. `key` is a step index, a name, or the constant itself."""

    kind: SourceKind
    key: Any = None


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: Any
    default: Any
    positional: bool


@dataclass(frozen=True, slots=True)
class Signature:
    parameters: tuple[Parameter, ...]
    returns: Any
    """None where the function does not say."""


def signature_of(function: Callable[..., Any]) -> Signature:
    """Parameters with their type hints; a hint that cannot be resolved counts as none."""
    target = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    try:
        hints = typing.get_type_hints(target)
    except (NameError, TypeError, AttributeError):
        hints = {}
    parameters = tuple(
        Parameter(
            p.name,
            hints.get(p.name),
            MISSING if p.default is p.empty else p.default,
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD),
        )
        for p in inspect.signature(function).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    )
    return Signature(parameters, hints.get("return"))


def wants_context(parameter: Parameter) -> bool:
    return parameter.type is Context


def mode_of(function: Callable[..., Any], *, inline: bool, stream: bool) -> Mode:
    """Coroutine functions are awaited; other functions run in a thread unless they are said to be cheap."""
    target = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    if inspect.isasyncgenfunction(target):
        return "stream" if stream else "pieces"
    if inspect.iscoroutinefunction(target):
        return "async"
    return "inline" if inline else "thread"


def caller(
    function: Callable[..., Any], sources: list[tuple[Parameter, Source]], step: Callable[[], Step], mode: Mode
) -> Callable[[Scope], Any]:
    """A function of the scope that calls `function`, or for a thread, gives what is to be called there. The common
    shapes have a short cut."""
    if mode == "thread":
        get = fetcher(sources, step)
        parameters = [parameter for parameter, _ in sources]
        return lambda scope: _bound(function, parameters, get(scope))
    if len(sources) == 1 and sources[0][0].positional:
        source = sources[0][1]
        key = source.key
        if source.kind == "step":
            return lambda scope: function(scope.values[key])
        if source.kind == "input":
            return lambda scope: function(scope.inputs[key])
    if not sources:
        return lambda _scope: function()
    fetch = fetcher(sources, step)
    if all(parameter.positional for parameter, _ in sources):
        return lambda scope: function(*fetch(scope))
    names = [parameter.name for parameter, _ in sources]
    return lambda scope: function(**dict(zip(names, fetch(scope), strict=True)))


def _bound(function: Callable[..., Any], parameters: list[Parameter], values: list[Any]) -> Callable[[], Any]:
    return partial(function, **{p.name: v for p, v in zip(parameters, values, strict=True)})


def fetcher(
    sources: list[tuple[Parameter, Source]], step: Callable[[], Step], *, context: bool = True
) -> Callable[[Scope], list[Any]]:
    """A function of the scope that gives the arguments in order; None in the place of a Context if `context` is off."""

    def one(source: Source) -> Callable[[Scope], Any]:
        key = source.key
        match source.kind:
            case "step":
                return lambda scope: scope.values[key]
            case "input":
                return lambda scope: scope.inputs[key]
            case "channel":
                return lambda scope: scope.read(key, step().index)
            case "context":
                return lambda scope: Context(scope, step()) if context else None
            case "local":
                return lambda scope: (scope.locals or {})[key]
            case "constant":
                return lambda _scope: key

    getters = [one(source) for _, source in sources]
    return lambda scope: [get(scope) for get in getters]


def fits(given: Any, wanted: Any) -> bool:
    """Whether a value of type `given` can be passed where `wanted` is asked for. In doubt, yes."""
    if given in (None, Any) or wanted in (None, Any, object) or given == wanted:
        return True
    if typing.get_origin(given) in (typing.Union, types.UnionType):
        return any(fits(g, wanted) for g in typing.get_args(given))
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return any(fits(given, w) for w in typing.get_args(wanted))
    plain_given, plain_wanted = typing.get_origin(given) or given, typing.get_origin(wanted) or wanted
    if not (isinstance(plain_given, type) and isinstance(plain_wanted, type)):
        return True
    if plain_wanted is float and plain_given is int:
        return True
    try:
        return issubclass(plain_given, plain_wanted)
    except TypeError:
        return True


def type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of what a function is: its name and, where there is one, its byte code with constants and names."""
    name = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', type(function).__qualname__)}"
    digest = hashlib.sha256(name.encode())
    code = getattr(function, "__code__", None)
    if code is not None:
        _hash_code(code, digest)
    return digest.hexdigest()[:16]


def _hash_code(code: types.CodeType, digest: Any) -> None:
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _hash_code(constant, digest)
        else:
            digest.update(repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant).encode())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

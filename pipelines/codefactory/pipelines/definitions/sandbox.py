"""Jinja2's immutable sandbox, with bounds on time, on memory and on what can be reached.

An expression sees the run's own data and nothing else: no globals but `range`, no filter that is not listed here.
Everything that could make much out of little is guarded: repetition, powers, padding, replacing, nested loops.
"""

from __future__ import annotations

import json
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from jinja2 import Environment, StrictUndefined, Undefined, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from codefactory.pipelines.engine.assembly import did_you_mean
from codefactory.pipelines.engine.values import is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_OUTPUT = 1_000_000
"""Characters and items of a value, counted as often as they occur in it."""
MAX_ITERATIONS = 100_000
MAX_SECONDS = 1.0

FILTERS = (
    *("abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby"),
    *(
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "reverse",
    ),
    *("round", "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim"),
    *("truncate", "unique", "upper", "urlencode", "wordcount"),
)
"""Not `attr`, which reaches attributes by name; `format`, which pads; `random`, which differs each time."""

FORBIDDEN = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.AssignBlock,
    nodes.ScopedEvalContextModifier,
)
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        (
            *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii"),
            *("isdecimal", "isdigit", "islower", "isspace", "istitle", "isupper", "lower", "lstrip", "partition"),
            *("removeprefix", "removesuffix", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split"),
            *("splitlines", "startswith", "strip", "swapcase", "title", "upper"),
        )
    ),
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
}


class LimitError(SecurityError):
    """An expression takes too long or makes too much."""


def measure(value: Any, limit: int = MAX_OUTPUT) -> int:
    """Characters and items in `value`. Raises LimitError beyond the limit, without walking on."""
    total, queue = 0, [value]
    while queue:
        item = queue.pop()
        if isinstance(item, (str, bytes)):
            total += len(item)
        elif isinstance(item, int):
            total += 1 + item.bit_length() // 8
        elif is_mapping(item):
            total += len(item)
            queue += (*item, *item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            several = cast("list[Any]", item)
            total += len(several)
            queue += several
        else:
            _check_data(item)
            total += 1
        if total > limit:
            raise LimitError(f"the value would be larger than {limit:,} characters and items")
    return total


def _check_data(item: Any) -> None:
    """Raises SecurityError for what is no data: a method that a filter has got hold of, something undefined."""
    if isinstance(item, Undefined):
        str(item)  # raises what is undefined
    if callable(item):
        raise SecurityError(f"a {type(item).__name__} is no value")


class _Clock(threading.local):
    """Of the evaluation under way in this thread."""

    deadline = float("inf")
    iterations = 0


class Sandbox(ImmutableSandboxedEnvironment):
    """One serves all threads."""

    intercepted_binops = frozenset(("*", "**", "+", "%", "//", "/", "-"))

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=_finalize, extensions=[])
        self.globals.clear()
        self.globals["range"] = cast("Any", self.bounded_range)
        self.filters = {name: self._guarded(self.filters[name]) for name in FILTERS}
        self.filters |= {
            "_each": self.each,
            "_concat": self.concat_all,
            "replace": self.replace,
            "tojson": self.to_json,
        }
        self._clock = _Clock()

    def begin(self) -> None:
        """Start the clock of one evaluation."""
        self._clock.deadline = monotonic() + MAX_SECONDS
        self._clock.iterations = 0

    def tick(self) -> None:
        clock = self._clock
        clock.iterations += 1
        if clock.iterations > MAX_ITERATIONS:
            raise LimitError(f"the expression takes more than {MAX_ITERATIONS:,} steps")
        if monotonic() > clock.deadline:
            raise LimitError(f"the expression takes longer than {MAX_SECONDS:g} s")

    def each(self, items: Iterable[Any]) -> Iterable[Any]:
        """What every `for` loop goes through."""
        for item in items:
            self.tick()
            yield item

    def concat_all(self, parts: list[Any]) -> str:
        """The `~` operator."""
        for part in parts:
            self.tick()
            measure(part)
        text = [str(_finalize(part)) for part in parts]
        measure(text)
        return "".join(text)

    def replace(self, text: Any, old: str, new: str, count: int | None = None) -> str:
        text = str(text)
        measure(text)
        times = text.count(old) if count is None else min(count, text.count(old))
        if len(text) + times * (len(new) - len(old)) > MAX_OUTPUT:
            raise LimitError("the text after `replace` would be too large")
        return text.replace(old, new, -1 if count is None else count)

    @staticmethod
    def to_json(value: Any, indent: int | None = None) -> str:
        """Without Jinja2's escapes for HTML: texts here are prompts and files."""
        measure(value)
        return json.dumps(value, ensure_ascii=False, indent=None if indent is None else min(indent, 8), default=str)

    @staticmethod
    def bounded_range(*bounds: int) -> range:
        found = range(*bounds)
        if len(found) > MAX_ITERATIONS:
            raise LimitError(f"a range of {len(found):,} is too long")
        return found

    def _guarded(self, function: Any) -> Any:
        """A filter that counts as a step and may neither take nor give too much."""
        from functools import wraps

        @wraps(function)
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.tick()
            plain = [a for a in arguments if not isinstance(a, (Undefined, Environment, Context, EvalContext))]
            for argument in (*plain, *options.values()):
                measure(argument)
                if isinstance(argument, int) and not isinstance(argument, bool) and abs(argument) > 10**15:
                    raise LimitError("a number is too large for a filter")
            numbers = [a for a in (*plain[1:], *options.values()) if isinstance(a, int)]
            if any(n > MAX_ITERATIONS for n in numbers) and function.__name__ not in (
                "do_default",
                "do_int",
                "do_round",
            ):
                raise LimitError("a number is too large for a filter")
            result = function(*arguments, **options)
            return self.each(result) if hasattr(result, "__next__") else result

        return guarded

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self.tick()
        if operator == "%" and isinstance(left, (str, bytes)):
            raise SecurityError("`%` does not format text; use `~` to join")
        if operator == "*":
            _check_product(left, right)
        if operator == "**" and not _small_power(left, right):
            raise LimitError("the power would be too large")
        if operator == "+" and not isinstance(left, (int, float)):
            measure(left)
            measure(right)
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Keys before methods: `x.items` is the key `items` where there is one."""
        if is_mapping(obj):
            if attribute in obj:
                return obj[attribute]
            if attribute not in _METHODS[dict]:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        allowed = next((names for kind, names in _METHODS.items() if isinstance(obj, kind)), frozenset[str]())
        return attr in allowed or attr in _LOOP

    def is_safe_callable(self, obj: Any) -> bool:
        owner = getattr(obj, "__self__", None)
        if obj == self.bounded_range:
            return True
        return any(isinstance(owner, kind) and obj.__name__ in names for kind, names in _METHODS.items())

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 jinja2's signature
        __self.tick()
        return super().call(__context, __obj, *args, **kwargs)


_LOOP = frozenset(("index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"))


def _finalize(value: Any) -> Any:
    if isinstance(value, StrictUndefined):
        return value
    measure(value)
    return "" if value is None else value


def _check_product(left: Any, right: Any) -> None:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, (str, bytes, list, tuple)) and isinstance(times, int):
            if measure(sequence) * max(times, 0) > MAX_OUTPUT:
                raise LimitError("the repetition would be too large")
        elif isinstance(sequence, int) and sequence.bit_length() > 100_000:
            raise LimitError("the number is too large")


def _small_power(base: Any, exponent: Any) -> bool:
    if not isinstance(base, int) or not isinstance(exponent, int):
        return True
    return max(base.bit_length(), 1) * abs(exponent) < 10_000


def guard(tree: nodes.Template, sandbox: Sandbox) -> nodes.Template:
    """Route loops and `~` of a parsed template through the sandbox's counters. Raises SecurityError for statements
    that are not part of the language, and for filters and tests that there are not."""
    for word, kind, known in (("filter", nodes.Filter, sandbox.filters), ("test", nodes.Test, sandbox.tests)):
        for use in tree.find_all(kind):
            if use.name not in known or use.name.startswith("_"):
                raise SecurityError(f"there is no {word} `{use.name}`{did_you_mean(use.name, list(known))}")
    for node in tree.find_all(FORBIDDEN):
        raise SecurityError(f"`{type(node).__name__.lower()}` is not part of the expression language")
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise SecurityError("recursive loops are not part of the expression language")
        loop.iter = nodes.Filter(loop.iter, "_each", [], [], None, None, lineno=loop.lineno)
    return _Concats().visit(tree)


class _Concats:
    """Replaces `a ~ b` by a guarded join."""

    def visit(self, node: Any) -> Any:
        for name, value in node.iter_fields():
            if isinstance(value, nodes.Node):
                setattr(node, name, self.visit(value))
            elif is_list(value):
                setattr(node, name, [self.visit(v) if isinstance(v, nodes.Node) else v for v in value])
        if isinstance(node, nodes.Concat):
            return nodes.Filter(nodes.List(node.nodes), "_concat", [], [], None, None, lineno=node.lineno)
        return node


__all__ = ["LimitError", "Sandbox", "SecurityError", "UndefinedError", "guard", "measure"]

"""JMESPath, bounded: an expression of a few characters can double its result with every `|`."""

from __future__ import annotations

from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from .limits import TooMuchError, TransformError, measure

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_EXPRESSION = 10_000
MAX_DEPTH = 60
"""Of an expression: the interpreter recurses."""
MAX_SECONDS = 5.0
_BUILDS = ("multi_select_list", "multi_select_dict", "flatten")
"""Nodes whose result can be larger than what they are made of."""


def search(expression: str, data: Any) -> Any:
    """Raises TransformError: the expression is not valid, does not fit the data, or makes too much."""
    import jmespath.exceptions

    tree = _parsed(expression)
    try:
        return _interpreter()(monotonic() + MAX_SECONDS).visit(tree, data)
    except jmespath.exceptions.JMESPathError as error:
        raise TransformError(f"the query `{expression[:80]}` does not fit: {error}") from error
    except RecursionError as error:
        raise TooMuchError(f"the query `{expression[:80]}` is nested too deeply") from error
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:  # what the library does not check itself
        raise TransformError(f"the query `{expression[:80]}` does not fit: {error}") from error


@lru_cache(maxsize=256)
def _parsed(expression: str) -> Any:
    import jmespath
    import jmespath.exceptions

    if len(expression) > MAX_EXPRESSION:
        raise TooMuchError(f"the query is longer than {MAX_EXPRESSION:,} characters")
    try:
        tree = jmespath.compile(expression).parsed
        _check_depth(tree)
    except jmespath.exceptions.JMESPathError as error:
        raise TransformError(f"the query `{expression[:80]}` is not valid: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise TooMuchError("the query is nested too deeply") from error
    return tree


def check(expression: str) -> None:
    """Raises TransformError if the expression is not valid."""
    _parsed(expression)


def _check_depth(tree: Any) -> None:
    queue = [(tree, 0)]
    while queue:
        node, depth = queue.pop()
        if depth > MAX_DEPTH:
            raise TooMuchError(f"the query is nested more than {MAX_DEPTH} deep")
        queue += [(child, depth + 1) for child in node["children"] if isinstance(child, dict)]


@lru_cache(maxsize=1)
def _interpreter() -> Callable[[float], Any]:
    """The library's interpreter with a look at time and size after each node."""
    from jmespath.functions import Functions, signature
    from jmespath.visitor import Options, TreeInterpreter

    class Bounded(TreeInterpreter):
        def __init__(self, deadline: float) -> None:
            super().__init__(Options(custom_functions=Measured()))
            self._deadline = deadline

        def visit(self, node: Any, *arguments: Any, **options: Any) -> Any:
            if monotonic() > self._deadline:
                raise TooMuchError(f"the query took more than {MAX_SECONDS:g} s")
            result = super().visit(node, *arguments, **options)
            if node["type"] in _BUILDS:
                measure(result, "the result of the query")
            return result

    class Measured(Functions):
        @signature({"types": []})
        def _func_to_string(self, argument: Any) -> Any:
            measure(argument, "what `to_string` is given")
            inherited: Any = super()
            return inherited._func_to_string(argument)  # noqa: SLF001 how the library names its functions

    return Bounded

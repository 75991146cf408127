"""Expressions: `{{ steps.fetch.output.title }}` in any text of a definition.

A text that is one expression gives its value as it is (a number stays a number); a text with more around it gives text.
What an expression refers to is known before anything runs: outputs of steps become dependencies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from codefactory.pipelines.engine.context import OUTER
from codefactory.pipelines.engine.values import is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codefactory.pipelines.engine.scope import Scope

Root = Literal["inputs", "steps", "channels", "run", "item", "index", "previous"]
ROOTS: tuple[Root, ...] = ("inputs", "steps", "channels", "run", "item", "index", "previous")
BODY_ROOTS: tuple[Root, ...] = ("item", "index", "previous")
"""Known only inside of a map or loop."""

_MARK = re.compile(r"\{[{%#]")
_ONE = re.compile(r"\s*\{\{(?P<inside>(?:(?!\}\}|\{\{).)*)\}\}\s*\Z", re.DOTALL)
_CHAIN = re.compile(r"\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\]|\[(?:'[^'\\]*'|\"[^\"\\]*\")\])*)\s*\Z")
_LINK = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
MAX_SOURCE = 100_000


class ExpressionError(ValueError):
    """An expression is wrong, or cannot be evaluated. The message says what and where in it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Something an expression reads: `inputs.topic`, `steps.fetch.output`, `item`."""

    root: str
    name: str | None = None
    attribute: str | None = None
    """Of a step: `output` or `skipped`."""

    def __str__(self) -> str:
        return ".".join(part for part in (self.root, self.name, self.attribute) if part is not None)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled value of a definition. `evaluate` takes the names it reads."""

    source: Any
    references: frozenset[Reference]
    evaluate: Callable[[Mapping[str, Any]], Any]
    constant: bool = False


def compile_value(value: Any) -> Expression:
    """Any JSON value, its texts being templates. Raises ExpressionError."""
    if isinstance(value, str):
        return compile_text(value)
    if is_mapping(value):
        parts = {key: compile_value(item) for key, item in value.items()}
        return _gathered(value, list(parts.values()), lambda names: {k: e.evaluate(names) for k, e in parts.items()})
    if is_list(value):
        items = [compile_value(item) for item in value]
        return _gathered(value, items, lambda names: [e.evaluate(names) for e in items])
    return Expression(value, frozenset(), lambda _names: value, constant=True)


def _gathered(source: Any, parts: list[Expression], evaluate: Callable[[Mapping[str, Any]], Any]) -> Expression:
    if all(part.constant for part in parts):
        return Expression(source, frozenset(), lambda _names: source, constant=True)
    return Expression(source, frozenset[Reference]().union(*(part.references for part in parts)), evaluate)


def compile_text(text: str) -> Expression:
    """A text: constant, one expression, or a template. Raises ExpressionError."""
    if not is_template(text):
        return Expression(text, frozenset(), lambda _names: text, constant=True)
    whole = _ONE.match(text)
    return compile_expression(whole["inside"], text) if whole else _template(text)


def compile_condition(value: Any) -> Expression:
    """A condition: as any text, but one without `{{` is an expression all the same."""
    if isinstance(value, str) and not is_template(value):
        return compile_expression(value, value)
    return compile_value(value)


def is_template(text: str) -> bool:
    return _MARK.search(text) is not None


def compile_expression(inside: str, source: str) -> Expression:
    """What stands between the braces. A plain chain of names never reaches Jinja2."""
    chain = _CHAIN.match(inside)
    if chain is not None and inside.strip() not in ("true", "false", "none", "True", "False", "None"):
        links = _links(chain[1])
        return Expression(source, frozenset((_reference(links),)), _Walk(links, inside.strip()))
    from jinja2 import nodes

    tree = _parsed("{{" + inside + "}}")
    outputs = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(outputs, nodes.Output) or len(outputs.nodes) != 1:
        return _template(source)
    references = _references(tree)
    assign = nodes.Assign(nodes.Name("result", "store"), outputs.nodes[0], lineno=1)
    template = _Lazy(nodes.Template([assign], lineno=1))

    def evaluate(names: Mapping[str, Any]) -> Any:
        def value() -> Any:
            compiled = template()
            context = compiled.new_context(dict(names))
            for _ in compiled.root_render_func(context):
                pass
            return context.vars["result"]

        return _bounded(value, source)

    return Expression(source, references, evaluate)


def _template(text: str) -> Expression:
    tree = _parsed(text)
    references = _references(tree)
    module = _sandbox_module()
    template = _Lazy(tree)

    def evaluate(names: Mapping[str, Any]) -> str:
        def value() -> str:
            parts: list[str] = []
            left = module.MAX_OUTPUT
            compiled = template()
            for part in compiled.root_render_func(compiled.new_context(dict(names))):
                left -= len(part)
                if left < 0:
                    raise module.LimitError("the text would be too large")
                parts.append(part)
            return "".join(parts)

        return _bounded(value, text)

    return Expression(text, references, evaluate)


def _bounded(value: Callable[[], Any], source: str) -> Any:
    """Evaluate under the sandbox's limits. Raises ExpressionError for whatever goes wrong in there."""
    module = _sandbox_module()
    sandbox = _sandbox()
    sandbox.begin()
    try:
        result = value()
        if isinstance(result, module.StrictUndefined):
            str(result)
        if hasattr(result, "__next__") or isinstance(result, range):
            result = list(result)
        module.measure(result)
        if isinstance(result, str):
            result = str(result)  # not a subclass of Jinja2's, which escapes what it is joined with
    except Exception as error:
        raise ExpressionError(f"`{_short(source)}` cannot be evaluated: {error}") from error
    return result


def _parsed(text: str) -> Any:
    if len(text) > MAX_SOURCE:
        raise ExpressionError(f"a template is longer than {MAX_SOURCE:,} characters; keep it in a file")
    return _said(lambda: _sandbox_module().guard(_sandbox().parse(text), _sandbox()))


class _Lazy:
    """A template that is compiled when it is first evaluated: whatever can be wrong with it is known from its tree."""

    __slots__ = ("_template", "_tree")

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self._template: Any = None

    def __call__(self) -> Any:
        if self._template is None:
            self._template = _said(lambda: _sandbox().from_string(self._tree))
            self._tree = None
        return self._template


def _said(work: Callable[[], Any]) -> Any:
    """The result of parsing or compiling; what Jinja2 finds wrong as ExpressionError."""
    from jinja2 import TemplateError

    _sandbox().begin()
    try:
        return work()
    except TemplateError as error:
        line = getattr(error, "lineno", 1)
        raise ExpressionError(f"{error}{f' (line {line} of the text)' if line > 1 else ''}") from error
    except RecursionError as error:
        raise ExpressionError("the expression is nested too deeply") from error


@cache
def _sandbox() -> Any:
    return _sandbox_module().Sandbox()


@cache
def _sandbox_module() -> Any:
    """Imported when the first definition that needs it is compiled: Jinja2 takes 40 ms."""
    from . import sandbox

    return sandbox


def _links(chain: str) -> tuple[str | int, ...]:
    return tuple(
        int(m[2]) if m[2] is not None else next(part for part in (m[1], m[3], m[4]) if part is not None)
        for m in _LINK.finditer(chain)
    )


def _reference(links: tuple[str | int, ...]) -> Reference:
    root, *rest = (str(link) for link in links)
    if root == "steps":
        return Reference(root, rest[0] if rest else None, rest[1] if len(rest) > 1 else None)
    if root in BODY_ROOTS:
        return Reference(root)
    return Reference(root, rest[0] if rest else None)


def _references(tree: Any) -> frozenset[Reference]:
    """Chains that begin at a name the template does not itself define."""
    from jinja2 import nodes

    named = list(tree.find_all(nodes.Name))
    stored = {node.name for node in named if node.ctx != "load"}
    if taken := stored & set(ROOTS):
        raise ExpressionError(f"`{min(taken)}` cannot be set: it is a name of the run's")
    free = {node.name for node in named} - stored - {"range", "loop"}
    inner: set[int] = set()
    found: set[Reference] = set()

    def chain(node: Any) -> list[str | int] | None:
        if isinstance(node, nodes.Name):
            return [node.name] if node.name in free else None
        if isinstance(node, nodes.Getattr):
            before = chain(node.node)
            inner.add(id(node.node))
            return None if before is None else [*before, node.attr]
        if isinstance(node, nodes.Getitem):
            before = chain(node.node)
            inner.add(id(node.node))
            if before is None:
                return None
            key: Any = node.arg.value if isinstance(node.arg, nodes.Const) else None
            # A computed key ends what can be known, which matters only for the names of steps and inputs.
            return [*before, key] if isinstance(key, (str, int)) else before
        return None

    for kind in (nodes.Getattr, nodes.Getitem, nodes.Name):
        for node in tree.find_all(kind):
            if id(node) not in inner and (links := chain(node)) is not None:
                found.add(_reference(tuple(links)))
    return frozenset(found)


class _Walk:
    """A plain chain of names and keys."""

    __slots__ = ("_links", "_source")

    def __init__(self, links: tuple[str | int, ...], source: str) -> None:
        self._links = links
        self._source = source

    def __call__(self, names: Mapping[str, Any]) -> Any:
        value: Any = names
        for i, link in enumerate(self._links):
            try:
                value = value[link]
            except (KeyError, IndexError, TypeError):
                raise ExpressionError(_absent(self._source, value, self._links[:i], link)) from None
        return value


def _absent(source: str, value: Any, before: tuple[str | int, ...], link: str | int) -> str:
    from codefactory.pipelines.engine.assembly import did_you_mean

    owner = ".".join(str(part) for part in before)
    if is_mapping(value):
        hint = did_you_mean(str(link), list(value))
        return f"`{source}` cannot be evaluated: `{owner}` has no `{link}`{hint}"
    return f"`{source}` cannot be evaluated: `{owner}` is {_kind(value)}, which has no `{link}`"


def _kind(value: Any) -> str:
    return "nothing (null)" if value is None else f"of type {type(value).__name__}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}…"


def names_for(references: frozenset[Reference]) -> Callable[[Scope, int | None], Mapping[str, Any]]:
    """A function of the scope that gives the names these references need, found in it or in the scopes around it."""
    steps = tuple(sorted({r.name for r in references if r.root == "steps" and r.name is not None}))
    roots = tuple(sorted({r.root for r in references}))
    channels = tuple(sorted({r.name for r in references if r.root == "channels" and r.name is not None}))

    def names(scope: Scope, index: int | None) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for root in roots:
            if root == "steps":
                found[root] = {name: _step_view(scope, name) for name in steps}
            elif root == "inputs":
                found[root] = scope.inputs
            elif root == "channels":
                found[root] = {name: scope.read(name, index) for name in channels}
            elif root == "run":
                found[root] = {"id": scope.run.id, "pipeline": scope.run.plan.name, "version": scope.run.plan.version}
            elif scope.locals is not None and root in scope.locals:
                found[root] = scope.locals[root]
        return found

    return names


def _step_view(scope: Scope | None, name: str) -> dict[str, Any]:
    while scope is not None:
        index = scope.plan.index.get(name)
        if index is not None:
            skipped = scope.skipped is not None and index in scope.skipped
            return {"output": scope.values[index], "skipped": skipped}
        scope = scope.locals.get(OUTER) if scope.locals else None
    return {}

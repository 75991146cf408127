"""`Graph`: a pipeline built in Python. Nodes are functions; their parameters say what they take.

    graph = Graph("report").add_node("analyze", analyze).add_node("report", report).add_edge("analyze", "report")
    plan = graph.compile()

A parameter takes, in this order: what `takes` says; the run's `Context`, if it is annotated so; the output of the step,
the channel or the declared input of its name; the output of the only step before the node, if it is the only parameter
left; else an input of the pipeline by its name, with the parameter's type and default.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from .assembly import Calls, Draft, assemble, did_you_mean
from .binding import (
    Parameter,
    Source,
    caller,
    fetcher,
    fingerprint,
    fits,
    mode_of,
    signature_of,
    type_name,
    wants_context,
)
from .channel import Channel, last
from .errors import PlanError, StepError
from .fanout import map_items
from .plan import MISSING, Input, Plan
from .policy import CachePolicy, OnError, Policy, Retry
from .scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .budget import Budget
    from .plan import Mode, Step


class Options(TypedDict, total=False):
    """How a node is attempted; see `Policy`. `when` is a function whose parameters are bound as a node's."""

    when: Callable[..., bool]
    join: Literal["all", "any"]
    retry: Retry
    timeout_s: float
    on_error: OnError
    cache: CachePolicy
    resource: str
    rerun: bool


@dataclass(slots=True)
class _Node:
    name: str
    function: Callable[..., Any]
    takes: dict[str, str]
    options: Options
    writes: tuple[str, ...]
    mode: Mode
    kind: Literal["function", "map", "loop", "pipeline"] = "function"
    over: str = ""
    limit: int = 1
    until: Callable[..., bool] | None = None
    body: Plan | None = None
    needs: dict[str, None] = field(default_factory=dict[str, None])
    router: Callable[[Any], Any] | None = None
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


class Graph:
    def __init__(self, name: str = "pipeline", *, inputs: Mapping[str, Any] | None = None) -> None:
        """`inputs`: name → type. Inputs that only a node's parameter names need not be declared."""
        self.name = name
        self._nodes: dict[str, _Node] = {}
        self._channels: dict[str, Channel] = {}
        self._edges: list[tuple[str, str]] = []
        self._inputs: dict[str, Input] = {n: Input(n, t) for n, t in (inputs or {}).items()}

    def add_node(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        takes: Mapping[str, str] | None = None,
        writes: str | tuple[str, ...] = (),
        inline: bool = False,
        stream: bool = False,
        **options: Unpack[Options],
    ) -> Graph:
        """A step. A function that is not a coroutine function runs in a thread, unless `inline` says that it is quick
        and does not block. An async generator's pieces are published and collected; with `stream`, the one step after
        it reads them as they come."""
        mode = mode_of(function, inline=inline, stream=stream)
        return self._add(_Node(name, function, dict(takes or {}), options, _tuple(writes), mode))

    def add_map(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        over: str,
        limit: int = 16,
        takes: Mapping[str, str] | None = None,
        writes: str | tuple[str, ...] = (),
        inline: bool = False,
        **options: Unpack[Options],
    ) -> Graph:
        """A step that calls `function` for each item of a step's output or an input, at most `limit` at once. The
        first parameter is the item. The output is the list of results."""
        if limit < 1:
            raise PlanError(f"map `{name}`: the limit is {limit}; it must be at least 1")
        mode = mode_of(function, inline=inline, stream=False)
        return self._add(_Node(name, function, dict(takes or {}), options, _tuple(writes), mode, "map", over, limit))

    def add_loop(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        start: str,
        until: Callable[[Any], bool],
        limit: int,
        takes: Mapping[str, str] | None = None,
        writes: str | tuple[str, ...] = (),
        inline: bool = False,
        **options: Unpack[Options],
    ) -> Graph:
        """A step that gives `function` its own result again, from the output or input `start`, until `until(result)`.
        It fails when that has not come true within `limit` rounds. The first parameter is the value."""
        mode = mode_of(function, inline=inline, stream=False)
        node = _Node(name, function, dict(takes or {}), options, _tuple(writes), mode, "loop", start, limit, until)
        return self._add(node)

    def add_graph(
        self, name: str, plan: Plan, *, takes: Mapping[str, str] | None = None, **options: Unpack[Options]
    ) -> Graph:
        """A nested pipeline; its inputs are bound as a node's parameters. The output is its outputs by name."""
        node = _Node(name, lambda: None, dict(takes or {}), options, (), "async", "pipeline", body=plan)
        return self._add(node)

    def add_edge(self, before: str, after: str) -> Graph:
        self._edges.append((before, after))
        return self

    def add_conditional_edges(
        self, source: str, condition: Callable[[Any], Any], targets: Mapping[str, str | tuple[str, ...]]
    ) -> Graph:
        """`condition` gets the source's output and gives a label of `targets` (or several); the others are skipped."""
        node = self._nodes.get(source)
        if node is None:
            raise PlanError(f"`{source}` has conditional edges but is no step{did_you_mean(source, list(self._nodes))}")
        node.router = condition
        node.routes = {str(label): _tuple(names) for label, names in targets.items()}
        self._edges += [(source, name) for names in node.routes.values() for name in names]
        return self

    def add_channel(self, name: str, reducer: Callable[[Any, Any], Any] = last, initial: Any = None) -> Graph:
        self._channels[name] = Channel(name, reducer, initial)
        return self

    def compile(self, *, budget: Budget | None = None, concurrency: int | None = None) -> Plan:
        """The plan. Raises PlanError for anything that could not work."""
        if not self._nodes:
            raise PlanError(f"pipeline `{self.name}` has no steps")
        for node in self._nodes.values():
            node.needs = {}
        for before, after in self._edges:
            for end in (before, after):
                if end not in self._nodes:
                    raise PlanError(f"an edge names `{end}`, which is no step{did_you_mean(end, list(self._nodes))}")
            self._nodes[after].needs[before] = None
        inputs = dict(self._inputs)
        declared = frozenset(inputs)
        drafts = [_Binder(self._nodes, self._channels, declared, inputs, node).draft() for node in self._nodes.values()]
        streams = {n.name for n in self._nodes.values() if n.mode == "stream"}
        for stream in streams:
            readers = [d.name for d in drafts if stream in d.needs]
            if len(readers) != 1:
                raise PlanError(f"`{stream}` is a stream and needs exactly one step that reads it, not {len(readers)}")
        return assemble(
            self.name, drafts, inputs=inputs, channels=self._channels, budget=budget, concurrency=concurrency
        )

    def _add(self, node: _Node) -> Graph:
        if node.name in self._nodes:
            raise PlanError(f"pipeline `{self.name}` has two steps called `{node.name}`; give one another name")
        if not node.name or set("/[]") & set(node.name):
            raise PlanError(f"a step cannot be called {node.name!r}: a name is not empty and has no `/`, `[` or `]`")
        self._nodes[node.name] = node
        return self


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


@dataclass(slots=True)
class _Binder:
    """Finds out where a node's parameters come from."""

    nodes: Mapping[str, _Node]
    channels: Mapping[str, Channel]
    declared: frozenset[str]
    inputs: dict[str, Input]
    """The declared ones, and those found so far."""
    node: _Node

    def draft(self) -> Draft:
        node = self.node
        signature = signature_of(node.function)
        parameters = list(signature.parameters)
        if node.kind in ("map", "loop"):
            if not parameters:
                raise PlanError(f"the function of {node.kind} `{node.name}` needs a parameter for the item")
            parameters = parameters[1:]
        if node.body is not None:
            parameters = [Parameter(i.name, i.type, i.default, False) for i in node.body.inputs.values()]
        over = self._named(node.over, Parameter(node.over, None, MISSING, True)) if node.over else None
        sources = self._sources(parameters)
        when = node.options.get("when")
        condition = self._condition(list(signature_of(when).parameters)) if when is not None else []
        version = fingerprint(node.function) + (fingerprint(when) if when is not None else "")
        options = {k: v for k, v in node.options.items() if k != "when"}
        draft = Draft(
            node.name,
            partial(_build, node, sources, over, condition),
            node.needs,
            Policy(**options),  # pyright: ignore[reportArgumentType] the keys are Policy's
            node.kind,
            version,
            node.router,
            node.routes,
            node.writes,
            list[signature.returns] if node.kind == "map" and signature.returns is not None else signature.returns,
            body=node.body,
        )
        if node.kind == "pipeline":
            draft.output_type, draft.body = dict, node.body
        return draft

    def _sources(self, parameters: list[Parameter]) -> list[tuple[Parameter, Source]]:
        unbound = [p for p in parameters if not self._by_name(p)]
        only = unbound[0] if len(unbound) == 1 and len(self.node.needs) == 1 and not self.node.over else None
        return [(p, self._source(p, only is p)) for p in parameters]

    def _condition(self, parameters: list[Parameter]) -> list[tuple[Parameter, Source]]:
        """As `_sources`; of several parameters, none is the output of the step before unless its name says so."""
        return self._sources(parameters) if len(parameters) == 1 else [(p, self._source(p, False)) for p in parameters]

    def _by_name(self, p: Parameter) -> bool:
        own = p.name in self.nodes and p.name != self.node.name
        return (
            p.name in self.node.takes or wants_context(p) or own or p.name in self.channels or p.name in self.declared
        )

    def _source(self, p: Parameter, only: bool) -> Source:
        if p.name in self.node.takes:
            return self._named(self.node.takes[p.name], p)
        if wants_context(p):
            return Source("context")
        if self._by_name(p):
            return self._named(p.name, p)
        if only:
            return self._named(next(iter(self.node.needs)), p)
        return self._named(p.name, p)

    def _named(self, name: str, p: Parameter) -> Source:
        """The step, channel or input called `name`; a new input if there is none."""
        node = self.node
        if name in self.nodes and name != node.name:
            given = signature_of(self.nodes[name].function).returns if self.nodes[name].kind == "function" else None
            if self.nodes[name].mode not in ("stream", "pieces") and not fits(given, p.type):
                raise PlanError(
                    f"step `{node.name}` takes {type_name(p.type)} as `{p.name}`, but `{name}` gives {type_name(given)}"
                )
            node.needs[name] = None
            return Source("step", name)
        if name in self.channels:
            return Source("channel", name)
        declared = self.inputs.get(name)
        if declared is None:
            kind = p.type if isinstance(p.type, type) else None
            self.inputs[name] = Input(name, kind, p.default)
        elif not fits(declared.type, p.type):
            raise PlanError(
                f"step `{node.name}` takes {type_name(p.type)} as `{p.name}`, but the input is "
                f"{type_name(declared.type)} elsewhere"
            )
        elif declared.default is MISSING and p.default is not MISSING and declared.type is None:
            self.inputs[name] = replace(declared, default=p.default)
        return Source("input", name)


def _build(
    node: _Node,
    sources: list[tuple[Parameter, Source]],
    over: Source | None,
    condition: list[tuple[Parameter, Source]],
    index_of: Callable[[str], int],
    step: Callable[[], Step],
) -> Calls:
    def placed(source: Source) -> Source:
        return Source("step", index_of(source.key)) if source.kind == "step" else source

    located = [(p, placed(s)) for p, s in sources]
    when = node.options.get("when")
    test = caller(when, [(p, placed(s)) for p, s in condition], step, "inline") if when is not None else None
    arguments = fetcher(located, step, context=False)
    if node.kind == "function":
        return Calls(caller(node.function, located, step, node.mode), node.mode, arguments, test)
    if node.body is not None:
        return Calls(_nested(node.body, located, step), "async", arguments, test)
    start = over or Source("constant")
    first = fetcher([(Parameter("item", None, MISSING, True), placed(start))], step)
    rest = fetcher(located, step)
    names = [p.name for p, _ in located]
    make = _mapped if node.kind == "map" else _looped
    return Calls(make(node, first, rest, names, step), "async", lambda s: [first(s), arguments(s)], test)


def _apply(node: _Node, scope: Scope, rest: Callable[[Scope], list[Any]], names: list[str]) -> Callable[[Any], Any]:
    """The node's function with everything but its first parameter bound."""
    function = partial(node.function, **dict(zip(names, rest(scope), strict=True))) if names else node.function
    if node.mode == "thread":
        return lambda item: scope.run.engine.threads.run(lambda: function(item))
    return function


def _mapped(
    node: _Node,
    first: Callable[[Scope], list[Any]],
    rest: Callable[[Scope], list[Any]],
    names: list[str],
    step: Callable[[], Step],
) -> Callable[[Scope], Any]:
    def call(scope: Scope) -> Any:
        function = _apply(node, scope, rest, names)
        return map_items(scope, step(), first(scope)[0], lambda item, _index: function(item), node.limit)

    return call


def _looped(
    node: _Node,
    first: Callable[[Scope], list[Any]],
    rest: Callable[[Scope], list[Any]],
    names: list[str],
    step: Callable[[], Step],
) -> Callable[[Scope], Any]:
    async def call(scope: Scope) -> Any:
        function = _apply(node, scope, rest, names)
        until = node.until or bool
        value = first(scope)[0]
        for round_ in range(node.limit):
            if until(value):
                return value
            one = replace(step(), name=f"{node.name}[{round_}]")
            value = (await map_items(scope, one, [value], lambda item, _: function(item), 1))[0]
        if until(value):
            return value
        raise StepError(f"its condition did not come true within {node.limit} rounds")

    return call


def _nested(body: Plan, sources: list[tuple[Parameter, Source]], step: Callable[[], Step]) -> Callable[[Scope], Any]:
    fetch = fetcher(sources, step)
    names = [p.name for p, _ in sources]

    async def call(scope: Scope) -> Any:
        given = {n: v for n, v in zip(names, fetch(scope), strict=True) if v is not MISSING}
        inner = Scope(scope.run, body, body.bind(given), f"{scope.prefix}{step().name}/")
        await inner.execute()
        return inner.output()

    return call

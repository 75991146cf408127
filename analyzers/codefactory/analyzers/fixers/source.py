"""`Source`: a parsed module with what fixers need of it: positions, parents, resolved names, edits, imports.

Everything is computed once per text and on first use; a fixer asks and never walks the tree by itself.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, PositionProvider

from codefactory.analyzers.text import Position, Span, Text, TextEdit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from libcst.metadata import CodePosition

    from codefactory.analyzers.document import Snapshot
    from codefactory.analyzers.finding import Finding

N = TypeVar("N", bound=cst.CSTNode)
T = TypeVar("T")
MAX_TOGETHER = 50
"""Places beyond which one fix would be too large to read."""
_BOM = "\ufeff"
_SCOPES = (cst.FunctionDef, cst.Lambda, cst.ClassDef)


class Decline(Exception):  # noqa: N818  (not an error: a fixer's answer)
    """A fixer's reasoned "not here"."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One import that binds a local name."""

    local: str
    qualified: str
    statement: cst.SimpleStatementLine
    node: cst.Import | cst.ImportFrom
    alias: cst.ImportAlias
    at_top_level: bool


class Source:
    """One Python text, parsed. Raises Decline when libcst cannot parse it or would not give the same text back."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.text: Text = snapshot.lines
        code = snapshot.text.removeprefix(_BOM)
        self._bom = len(snapshot.text) - len(code)
        try:
            module = cst.parse_module(code)
        except (cst.ParserSyntaxError, RecursionError, ValueError) as error:
            raise Decline(f"the file does not parse: {type(error).__name__}") from error
        if module.code != code:  # a form feed before a statement is lost, for one
            raise Decline("the file cannot be parsed without loss")
        self._wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.module = module

    # -- places

    @cached_property
    def _ranges(self) -> dict[cst.CSTNode, Span]:
        ranges = self._wrapper.resolve(PositionProvider)

        def place(at: CodePosition) -> Position:
            return Position(at.line - 1, at.column + (self._bom if at.line == 1 else 0))

        return {node: Span(place(r.start), place(r.end)) for node, r in ranges.items()}

    def line_start(self, line: int) -> Position:
        """The first place of a line: behind the byte order mark, if there is one."""
        return Position(line, self._bom if line == 0 else 0)

    @cached_property
    def _parents(self) -> dict[cst.CSTNode, cst.CSTNode]:
        # ParentNodeProvider gives the same in five times the time.
        parents: dict[cst.CSTNode, cst.CSTNode] = {}
        open_nodes: list[cst.CSTNode] = [self.module]
        while open_nodes:
            node = open_nodes.pop()
            for name in _field_names(type(node)):
                value: object = getattr(node, name)
                for child in cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,):
                    if isinstance(child, cst.CSTNode):
                        parents[child] = node
                        open_nodes.append(child)
        return parents

    def span(self, node: cst.CSTNode) -> Span:
        return self._ranges[node]

    def code(self, node: cst.CSTNode) -> str:
        """The node's text as written, without surrounding white space."""
        return self.text.slice(self.span(node))

    def span_with_parentheses(self, node: cst.BaseExpression) -> Span:
        """A node's own span leaves out the parentheses around it, those of a tuple too."""
        if not node.lpar:
            return self.span(node)
        return Span(self.span(node.lpar[0]).start, self.span(node.rpar[-1]).end)

    def code_with_parentheses(self, node: cst.BaseExpression) -> str:
        return self.text.slice(self.span_with_parentheses(node))

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """From the node's parent up to the module."""
        while (parent := self._parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
        """The smallest whole statement around `node`."""
        for ancestor in (node, *self.ancestors(node)):
            if isinstance(ancestor, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                return ancestor
        raise Decline("it is not inside a statement")

    def indentation(self, node: cst.CSTNode) -> str:
        """The white space before the first line of `node`'s statement."""
        line = self.text.line(self.span(self.statement(node)).start.line)
        return line[: len(line) - len(line.lstrip())]

    def all(self, kind: type[N]) -> Iterator[N]:
        """Every node of `kind`, in text order."""
        yield from self._by_kind(kind)

    def _by_kind(self, kind: type[N]) -> list[N]:
        cache: dict[type, list[cst.CSTNode]] = self.__dict__.setdefault("_kinds", {})
        if kind not in cache:
            found = [node for node in self._ranges if isinstance(node, kind)]
            cache[kind] = sorted(found, key=lambda n: _outermost_first(self._ranges[n]))
        return cache[kind]  # pyright: ignore[reportReturnType]

    def starting_in(self, kind: type[N], span: Span) -> list[N]:
        """The nodes of `kind` that start in `span` or at one of its borders, in text order."""
        nodes = self._by_kind(kind)
        first = bisect_left(nodes, span.start, key=lambda n: self._ranges[n].start)
        last = bisect_right(nodes, span.end, key=lambda n: self._ranges[n].start)
        return nodes[first:last]

    def find(self, finding: Finding, kind: type[N], where: Callable[[N], bool] = lambda _: True) -> N:
        """The node of `kind` the finding is about: the one with exactly its span, else the innermost around it, else
        the first inside its span. `where` narrows the choice. Raises Decline when there is none."""
        target = finding.span
        nodes = self._by_kind(kind)
        # What is around the target is around the last node that starts before it, or is that node.
        last = bisect_right(nodes, target.start, key=lambda n: self._ranges[n].start)
        nearest = [nodes[last - 1], *self.ancestors(nodes[last - 1])] if last else []
        around = [n for n in nearest if isinstance(n, kind) and target.end <= self._ranges[n].end]
        inside = [n for n in self.starting_in(kind, target) if self._ranges[n].end <= target.end]
        exact = [n for n in (*around, *inside) if self._ranges[n] == target]
        for node in (*exact, *around, *inside):
            if where(node):
                return node
        raise Decline("the code is not written in a form this fixer knows")

    def once(self, compute: Callable[[Source], T]) -> T:
        """`compute(self)`, made once per text: for what a fixer would ask again at every finding."""
        cache: dict[Callable[[Source], object], object] = self.__dict__.setdefault("_computed", {})
        if compute not in cache:
            cache[compute] = compute(self)
        return cast("T", cache[compute])

    # -- names

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """Local name → the imports that bind it, anywhere in the file."""
        found: dict[str, list[Binding]] = {}
        for node in (*self.all(cst.Import), *self.all(cst.ImportFrom)):
            if isinstance(node.names, cst.ImportStar):
                continue
            prefix = ""
            if isinstance(node, cst.ImportFrom):
                prefix = "." * len(node.relative) + (get_full_name_for_node(node.module) or "" if node.module else "")
                prefix += "" if prefix.endswith(".") and not node.module else "."
            statement = self.statement(node)
            if not isinstance(statement, cst.SimpleStatementLine):
                continue
            for alias in node.names:
                name = get_full_name_for_node(alias.name) or ""
                local = alias.evaluated_alias or (name.split(".")[0] if isinstance(node, cst.Import) else name)
                # `import a.b` binds `a`
                full = name if alias.asname or isinstance(node, cst.ImportFrom) else local
                binding = Binding(local, prefix + full, statement, node, alias, self.parent(statement) is self.module)
                found.setdefault(local, []).append(binding)
        return found

    @cached_property
    def imported_modules(self) -> frozenset[str]:
        """Every module an `import a.b` makes reachable, as dotted names ("a", "a.b")."""
        names: set[str] = set()
        for node in self.all(cst.Import):
            for alias in node.names:
                parts = (get_full_name_for_node(alias.name) or "").split(".")
                names.update(".".join(parts[: i + 1]) for i in range(len(parts)))
        return frozenset(names)

    @cached_property
    def rebound(self) -> frozenset[str]:
        """Names bound by something other than an import, anywhere: assignment, parameter, def, class, for, with,
        except, walrus, global, match. An import of such a name proves nothing about its uses."""
        return frozenset(self._rebindings)

    @cached_property
    def _rebindings(self) -> dict[str, list[cst.Name]]:
        found: dict[str, list[cst.Name]] = {}
        for name in self.all(cst.Name):
            if self.is_binding(name):
                found.setdefault(name.value, []).append(name)
        return found

    def is_binding(self, name: cst.Name) -> bool:
        """Whether this occurrence gives the name a value (imports do not count)."""
        match self.parent(name):
            case cst.AssignTarget() | cst.NameItem():
                return True
            case cst.Param() | cst.FunctionDef() | cst.ClassDef() | cst.MatchAs() | cst.MatchStar() as parent:
                return parent.name is name
            case cst.AnnAssign() | cst.AugAssign() | cst.For() | cst.CompFor() | cst.NamedExpr() as parent:
                return parent.target is name
            case cst.MatchMapping() as parent:
                return parent.rest is name
            case cst.AsName() as parent:
                return not isinstance(self.parent(parent), cst.ImportAlias)
            case cst.Element() | cst.StarredElement() as parent:
                return self._is_target(parent)
            case _:
                return False

    def is_bound_once(self, name: str) -> bool:
        """Whether one place in the whole file gives the name a value, and no import does."""
        return len(self._rebindings.get(name, ())) == 1 and name not in self.bindings

    def binds(self, inside: cst.CSTNode, name: str) -> bool:
        """Whether anything in `inside` (nested scopes included) gives `name` a value."""
        span = self.span(inside)
        at = self.binding_places(name)
        first = bisect_left(at, span.start)
        return first < len(at) and at[first] < span.end

    def binding_places(self, name: str) -> list[Position]:
        """Where the name is given a value, imports included, in text order."""
        return self._binding_places.get(name, [])

    @cached_property
    def _binding_places(self) -> dict[str, list[Position]]:
        places: dict[str, list[Position]] = {}
        for name, nodes in self._rebindings.items():
            places[name] = [self.span(node).start for node in nodes]
        for name, bindings in self.bindings.items():
            places.setdefault(name, []).extend(self.span(b.alias).start for b in bindings)
        return {name: sorted(found) for name, found in places.items()}

    def _scope(self, name: cst.Name) -> cst.CSTNode:
        """The module, function, lambda or class in which a binding occurrence binds the name."""
        parent = self.parent(name)
        if isinstance(parent, cst.NameItem):
            return self.module  # `global` and `nonlocal` bind further out
        inside = parent if isinstance(parent, (cst.FunctionDef, cst.ClassDef)) else name
        return next((a for a in self.ancestors(inside) if isinstance(a, _SCOPES)), self.module)

    def _is_rebound_for(self, root: str, node: cst.CSTNode) -> bool:
        """Whether `root`, read at `node`, may be something other than an import or a builtin."""
        if root not in self._rebindings:
            return False
        cache: dict[str, set[cst.CSTNode]] = self.__dict__.setdefault("_binding_scopes", {})
        if root not in cache:
            cache[root] = {self._scope(name) for name in self._rebindings[root]}
        binding = cache[root]
        scopes: list[cst.CSTNode] = []
        child = node
        for ancestor in self.ancestors(node):
            # Decorators, defaults and bases are read outside of what they belong to; names of a class are seen in its
            # own body, not in its methods.
            own = isinstance(ancestor, _SCOPES) and child is ancestor.body
            if own and not (scopes and isinstance(ancestor, cst.ClassDef)):
                scopes.append(ancestor)
            child = ancestor
        return self.module in binding or any(scope in binding for scope in scopes)

    def _is_target(self, element: cst.CSTNode) -> bool:
        child: cst.CSTNode = element
        for ancestor in self.ancestors(element):
            if isinstance(ancestor, (cst.Tuple, cst.List, cst.Element, cst.StarredElement)):
                child = ancestor
                continue
            if isinstance(ancestor, (cst.AssignTarget, cst.AsName)):
                return True
            return isinstance(ancestor, (cst.For, cst.CompFor)) and ancestor.target is child
        return False

    def qualified_name(self, node: cst.CSTNode) -> str | None:
        """The dotted name an expression stands for, through this file's imports: `y.load` → "yaml.load" after
        `import yaml as y`. Builtins are themselves ("eval"). None when it is not a plain dotted name, the root is
        bound in another way too where it is read, or two imports disagree."""
        dotted = get_full_name_for_node(node) if isinstance(node, (cst.Name, cst.Attribute)) else None
        if dotted is None or not _is_dotted(node):
            return None
        root, _, rest = dotted.partition(".")
        if self._is_rebound_for(root, node):
            return None
        targets = {binding.qualified for binding in self.bindings.get(root, ())}
        if not targets:
            return dotted
        if len(targets) > 1:
            return None
        return ".".join(filter(None, (targets.pop(), rest)))

    def uses(self, local: str) -> list[cst.Name]:
        """Every place that reads the name, not counting imports, attributes and keyword names."""
        return self._uses.get(local, [])

    @cached_property
    def _uses(self) -> dict[str, list[cst.Name]]:
        found: dict[str, list[cst.Name]] = {}
        for name in self.all(cst.Name):
            parent = self.parent(name)
            if isinstance(parent, cst.Attribute) and parent.attr is name:
                continue
            if isinstance(parent, cst.Arg) and parent.keyword is name:
                continue
            if any(isinstance(a, (cst.Import, cst.ImportFrom)) for a in self.ancestors(name)):
                continue
            found.setdefault(name.value, []).append(name)
        return found

    @cached_property
    def _strings(self) -> frozenset[str]:
        return frozenset(s.value.strip("\"'") for s in self.all(cst.SimpleString))

    def is_used_elsewhere(self, local: str, *without: cst.CSTNode) -> bool:
        """Whether `local` is read outside the nodes `without`, or exported by `__all__` or a string of its name."""
        inside = [self.span(node) for node in without]
        for use in self.uses(local):
            span = self.span(use)
            if not any(s.start <= span.start and span.end <= s.end for s in inside):
                return True
        return local in self._strings

    # -- edits

    def replace(self, node: cst.CSTNode, code: str | cst.CSTNode) -> TextEdit:
        """Put `code` where `node` is. Parentheses around the node stay unless they belong to it."""
        new = code if isinstance(code, str) else self.module.code_for_node(code)
        return TextEdit(self.span(node), new)

    def insert(self, position: Position, code: str) -> TextEdit:
        return TextEdit(Span(position, position), code)

    def add_argument(self, call: cst.Call, code: str) -> TextEdit:
        """Insert a last argument: `f(a)` → `f(a, code)`; a trailing comma or a `**kwargs` is respected."""
        if not call.args:
            # Right after the opening parenthesis, wherever white space and comments have put it.
            end = self.text.offset(self.span(call).end) - 1
            return self.insert(self.text.position(end), code)
        last = call.args[-1]
        span = self.span(last)
        if last.star == "**":
            return self.insert(span.start, f"{code}, ")
        if isinstance(last.value, cst.GeneratorExp) and not last.value.lpar:
            return TextEdit(span, f"({self.text.slice(span)}), {code}")
        line = self.text.line(span.start.line)
        before, behind = line[: span.start.column], self.text.line(span.end.line)[span.end.column :]
        if len(call.args) > 1 and not before.strip() and behind.strip() in ("", ","):
            return self.insert(span.end, f",{self.text.newline}{before}{code}")  # one argument a line, as the others
        return self.insert(span.end, f", {code}")

    def set_argument(self, call: cst.Call, keyword: str, code: str) -> TextEdit:
        """Give a keyword argument a value: replaced where it is given, added where it is not."""
        given = argument(call, keyword)
        return self.replace(given.value, code) if given else self.add_argument(call, f"{keyword}={code}")

    def remove_argument(self, call: cst.Call, arg: cst.Arg) -> TextEdit:
        """Remove one argument together with the comma that separated it."""
        index = list(call.args).index(arg)
        start, end = self.span(arg).start, self.span(arg).end
        if index + 1 < len(call.args):
            end = self.span(call.args[index + 1]).start
        elif index > 0:
            start = self.span(call.args[index - 1]).end
        return TextEdit(Span(start, end), "")

    def remove_statement(self, statement: cst.SimpleStatementLine) -> TextEdit:
        """Remove a statement's whole lines, its own trailing comment included."""
        span = self.span(statement)
        first, last = span.start.line, span.end.line
        return TextEdit(Span(self.line_start(first), Position(last + 1, 0)), "")

    def add_below(self, statement: cst.SimpleStatementLine, code: str) -> TextEdit:
        """Insert one line of code, indented alike, after the line a statement ends on."""
        return self._insert_after(statement, f"{self.indentation(statement)}{code}{self.text.newline}")

    # -- imports

    def importing(self, module: str, name: str | None = None) -> tuple[str, tuple[TextEdit, ...]]:
        """Make `module` (or `name` from it) usable at module level: how to write it here, and the edits it needs.

        An import that is there already is used under its own name. Raises Decline when the name it would get is
        taken by something else.
        """
        qualified = f"{module}.{name}" if name else module
        for local, bindings in self.bindings.items():
            if local in self.rebound:
                continue
            if {b.qualified for b in bindings} == {qualified} and any(b.at_top_level for b in bindings):
                return local, ()
            reachable = not name and module in self.imported_modules and module.split(".")[0] == local
            if reachable and any(b.at_top_level for b in bindings):
                return module, ()
        local = name or module.split(".")[0]
        taken = local in self.rebound or any(
            b.qualified not in (qualified, module.split(".")[0]) for b in self.bindings.get(local, ())
        )
        if taken or (local not in self.bindings and self.uses(local)):
            raise Decline(f"`{local}` would have to be imported, and that name is used for something else here")
        if name and (edit := self._extend_import(module, name)):
            return name, (edit,)
        line = f"from {module} import {name}" if name else f"import {module}"
        return name or module, (self._insert_import(line, module, is_from=bool(name)),)

    @staticmethod
    def _imports_from(statement: cst.CSTNode, module: str) -> bool:
        node = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) and statement.body else None
        return isinstance(node, cst.ImportFrom) and get_full_name_for_node(node.module or node) == module

    def exchange_import(
        self, binding: Binding, line: str, module: str, *, is_from: bool, kept: Sequence[cst.ImportAlias] = ()
    ) -> tuple[TextEdit, ...]:
        """Put the import `line` (of `module`) in place of a statement, or of all its names but `kept`: where it belongs
        among the imports at the top of the file, or right where the old one was."""
        statement, names = binding.statement, binding.node.names
        if isinstance(names, cst.ImportStar) or len(statement.body) != 1:
            raise Decline("the import shares its line with other statements")
        if kept:
            first, last = self.span(names[0]).start, self.span(names[-1]).end
            if "#" in self.text.slice(Span(first, last)) or not binding.at_top_level:
                raise Decline("the names of the import cannot be taken apart")
            left = TextEdit(Span(first, last), ", ".join(self.code(alias).rstrip(" ,") for alias in kept))
            return (left, self._insert_import(line, module, is_from=is_from))
        comment = statement.trailing_whitespace.comment or any(w.comment for w in statement.leading_lines)
        others = [(s, key) for s, key in self._first_imports if s is not statement]
        if comment or not others or len(others) == len(self._first_imports):
            return (TextEdit(self.span(binding.node), line),)
        section = _import_key(binding.node)[0]
        removal = self.remove_statement(statement)
        above, below = self.span(statement).start.line - 1, removal.span.end.line
        is_paragraph = (above < 0 or not self.text.line(above).strip()) and not self.text.line(below).strip()
        if is_paragraph and all(key[0] != section for _, key in others):
            removal = TextEdit(Span(removal.span.start, Position(below + 1, 0)), "")
        return (removal, self._insert_import(line, module, is_from=is_from, without=statement))

    @cached_property
    def _first_imports(self) -> list[tuple[cst.SimpleStatementLine, tuple[int, bool, str]]]:
        """The imports at the top of the file, behind its docstring and plain assignments, with their sort keys."""
        imports: list[tuple[cst.SimpleStatementLine, tuple[int, bool, str]]] = []
        for index, statement in enumerate(self.module.body):
            node = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) and statement.body else None
            if isinstance(node, (cst.Import, cst.ImportFrom)) and isinstance(statement, cst.SimpleStatementLine):
                imports.append((statement, _import_key(node)))
            elif not (index == 0 and _is_docstring(node)) and (
                imports or not isinstance(node, (cst.Assign, cst.AnnAssign))
            ):
                break
        return imports

    def _extend_import(self, module: str, name: str) -> TextEdit | None:
        """Add a name to a top-level `from module import …`, in isort's order (constants, classes, the rest)."""
        # Only at the top: an import further down may come too late for its use.
        for statement, _ in self._first_imports:
            node = statement.body[0]
            if not isinstance(node, cst.ImportFrom) or isinstance(node.names, cst.ImportStar) or node.relative:
                continue
            if get_full_name_for_node(node.module or node) != module:
                continue
            for alias in node.names:
                if _member_key(name) < _member_key(get_full_name_for_node(alias.name) or ""):
                    return self.insert(self.span(alias).start, f"{name}, ")
            end = self.span(node.names[-1]).end
            indent = self.text.line(end.line)[: self.span(node.names[-1]).start.column]
            return self.insert(end, f",{self.text.newline}{indent}{name}" if not indent.strip() else f", {name}")
        return None

    def rename(
        self, node: cst.BaseExpression, name: str, alike: Callable[[cst.Name], bool] = lambda _: False
    ) -> tuple[TextEdit, ...]:
        """Use `name` of the same module: `m.old` → `m.name`; a bare `old`, imported by name, → `name`, imported too.

        If all other uses of a bare name are `alike`, they are renamed with it, so that its import can go.
        """
        if isinstance(node, cst.Attribute):
            return (self.replace(node.attr, name),)
        module = (self.qualified_name(node) or "").rpartition(".")[0]
        if not isinstance(node, cst.Name) or not module:
            raise Decline("the name is not imported in a way that can be followed")
        local, imports = self.importing(module, name)
        uses = self.uses(node.value)
        together = len(uses) <= MAX_TOGETHER and all(use is node or alike(use) for use in uses)
        renamed: list[cst.Name] = uses if together else [node]
        edits = (self.replace(use, local) for use in renamed)
        dropped = self.without_import(node.value, *renamed)
        if imports and dropped:  # the statement that would be extended is the one that loses a name
            old = self.bindings[node.value][0]
            if sum(self._imports_from(statement, module) for statement in self.module.body) == 1:
                return (*edits, self.replace(old.alias, name))
            imports = (self._insert_import(f"from {module} import {name}", module, is_from=True),)
        return (*imports, *edits, *dropped)

    def _insert_import(self, line: str, module: str, *, is_from: bool, without: cst.CSTNode | None = None) -> TextEdit:
        """In isort's default order among the imports at the top of the file, where those are in it."""
        newline = self.text.newline
        body = list(self.module.body)
        imports = [(s, key) for s, key in self._first_imports if s is not without]
        first = body[0].body[0] if body and isinstance(body[0], cst.SimpleStatementLine) and body[0].body else None
        after_header = body[0] if _is_docstring(first) else None
        key = (_section(module), is_from, module.lower())
        for statement, existing in imports:
            if key < existing:
                gap = newline if key[0] != existing[0] else ""
                return self.insert(self._above(statement), f"{line}{newline}{gap}")
        if imports:
            statement, existing = imports[-1]
            gap = newline if key[0] != existing[0] else ""
            return self._insert_after(statement, f"{gap}{line}{newline}")
        if after_header is not None:
            below = self.text.line(self.span(after_header).end.line + 1).strip()
            return self._insert_after(after_header, f"{newline}{line}{newline}{newline if below else ''}")
        blank = newline * (2 if body and isinstance(body[0], (cst.FunctionDef, cst.ClassDef)) else 1)
        return self.insert(self.line_start(self._first_code_line(body)), f"{line}{newline}{blank}")

    def _above(self, statement: cst.SimpleStatementLine) -> Position:
        """The line of a statement, or of the comments on it where they cannot be the file's head."""
        line = self.span(statement).start.line
        if statement is not self.module.body[0]:
            while line > 0 and self.text.line(line - 1).startswith("#"):
                line -= 1
        return self.line_start(line)

    def _insert_after(self, statement: cst.CSTNode, code: str) -> TextEdit:
        line = self.span(statement).end.line
        if line + 1 < self.text.line_count:
            return self.insert(Position(line + 1, 0), code)
        return self.insert(self.text.end, self.text.newline + code.removesuffix(self.text.newline))

    def _first_code_line(self, body: list[cst.SimpleStatementLine | cst.BaseCompoundStatement]) -> int:
        """The first line that is no comment of the file's head (shebang, coding, licence)."""
        if not body:
            return self.text.line_count - 1
        first = self.span(body[0]).start.line
        head = 0
        while head < first and self.text.line(head).removeprefix(_BOM).startswith("#"):
            head += 1
        # Comments that touch the first statement belong to it, unless they are the file's first lines.
        while head < first and not self.text.line(head).strip():
            head += 1
        return head

    def without_import(self, local: str, *removed: cst.CSTNode) -> tuple[TextEdit, ...]:
        """The edits that drop the import of `local` if nothing outside `removed` uses it any more; else none."""
        bindings = self.bindings.get(local, [])
        if len(bindings) != 1 or self.is_used_elsewhere(local, *removed):
            return ()
        binding = bindings[0]
        names = binding.node.names
        if isinstance(names, cst.ImportStar) or len(binding.statement.body) != 1:
            return ()
        if len(names) == 1:
            parent = self.parent(binding.statement)
            if isinstance(parent, cst.IndentedBlock) and len(parent.body) == 1:
                return ()
            return (self.remove_statement(binding.statement),)
        index = list(names).index(binding.alias)
        if index + 1 < len(names):
            span = Span(self.span(binding.alias).start, self.span(names[index + 1]).start)
        else:
            span = Span(self.span(names[index - 1]).end, self.span(binding.alias).end)
        return (TextEdit(span, ""),)


@lru_cache(maxsize=256)
def _field_names(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _outermost_first(span: Span) -> tuple[Position, int, int]:
    return span.start, -span.end.line, -span.end.column


def argument(call: cst.Call, keyword: str, index: int | None = None) -> cst.Arg | None:
    """The argument given by `keyword`, else positionally at `index`; None when neither, or when `*args` hides it."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == keyword:
            return arg
    if index is None:
        return None
    for at, arg in enumerate(call.args):
        if arg.star or arg.keyword is not None:
            return None
        if at == index:
            return arg
    return None


def has_star_arguments(call: cst.Call) -> bool:
    """Whether `*args` or `**kwargs` may give arguments that cannot be seen."""
    return any(arg.star for arg in call.args)


def string_value(node: cst.CSTNode | None) -> str | None:
    """The value of a plain string literal (concatenated ones too); None for bytes, f-strings and anything else."""
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def is_true(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Name) and node.value == "True"


def is_false(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Name) and node.value == "False"


def _is_docstring(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString)


def _is_dotted(node: cst.CSTNode) -> bool:
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)


def _section(module: str) -> int:
    """isort's sections: 0 __future__, 1 standard library, 2 third party, 3 relative."""
    if module.startswith("."):
        return 3
    root = module.split(".")[0]
    return 0 if root == "__future__" else 1 if root in sys.stdlib_module_names else 2


def _member_key(name: str) -> tuple[int, str]:
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name


def _import_key(node: cst.Import | cst.ImportFrom) -> tuple[int, bool, str]:
    if isinstance(node, cst.ImportFrom):
        module = "." * len(node.relative) + ((get_full_name_for_node(node.module) or "") if node.module else "")
        return _section(module), True, module.lower()
    module = get_full_name_for_node(node.names[0].name) or ""
    return _section(module), False, module.lower()

"""`ScopedTree`: a tree whose names can be resolved through the file's imports."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst
from libcst.helpers import get_full_name_for_node

from .tree import Tree

if TYPE_CHECKING:
    from codefactory.analyzers.text import Position

_SCOPES = (cst.FunctionDef, cst.Lambda, cst.ClassDef)


@dataclass(frozen=True, slots=True)
class Binding:
    """One import that binds a local name."""

    local: str
    qualified: str
    statement: cst.SimpleStatementLine
    node: cst.Import | cst.ImportFrom
    alias: cst.ImportAlias
    at_top_level: bool


class ScopedTree(Tree):
    """Names are resolved as written: what cannot be proved is None."""

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


def _is_dotted(node: cst.CSTNode) -> bool:
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)

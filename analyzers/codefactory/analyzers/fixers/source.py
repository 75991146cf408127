"""`Source`: what a fixer works on. A tree (`tree`) with resolved names (`scoped_tree`) and edits (`editable_tree`), and
here the imports that a fix needs or leaves behind."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst
from libcst.helpers import get_full_name_for_node

from codefactory.analyzers.text import Position, Span, TextEdit

from .editable_tree import EditableTree
from .tree import BOM, Decline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .scoped_tree import Binding

MAX_TOGETHER = 50
"""Places beyond which one fix would be too large to read."""


class Source(EditableTree):
    """One Python text. Raises Decline when libcst cannot parse it or would not give the same text back."""

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
            return self.insert_after(statement, f"{gap}{line}{newline}")
        if after_header is not None:
            below = self.text.line(self.span(after_header).end.line + 1).strip()
            return self.insert_after(after_header, f"{newline}{line}{newline}{newline if below else ''}")
        blank = newline * (2 if body and isinstance(body[0], (cst.FunctionDef, cst.ClassDef)) else 1)
        return self.insert(self.line_start(self._first_code_line(body)), f"{line}{newline}{blank}")

    def _above(self, statement: cst.SimpleStatementLine) -> Position:
        """The line of a statement, or of the comments on it where they cannot be the file's head."""
        line = self.span(statement).start.line
        if statement is not self.module.body[0]:
            while line > 0 and self.text.line(line - 1).startswith("#"):
                line -= 1
        return self.line_start(line)

    def _first_code_line(self, body: list[cst.SimpleStatementLine | cst.BaseCompoundStatement]) -> int:
        """The first line that is no comment of the file's head (shebang, coding, licence)."""
        if not body:
            return self.text.line_count - 1
        first = self.span(body[0]).start.line
        head = 0
        while head < first and self.text.line(head).removeprefix(BOM).startswith("#"):
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


def _is_docstring(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString)


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

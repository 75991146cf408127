"""B610 (`extra`), B611 (`RawSQL`): SQL in Django's query sets → values as `params`, constants as one literal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import TextEdit

from .fixer import Fixer
from .nodes import argument, has_star_arguments, string_value
from .sql_placeholders import parametrised
from .template import folded, has_comment, template
from .tree import Decline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "django-sql"
_NOTE = "The database gets the values apart from the SQL, each in its own type."
_EXTRA = ("select", "where", "params", "tables", "order_by", "select_params")


@dataclass(slots=True)
class _Change:
    edits: list[TextEdit] = field(default_factory=list[TextEdit])
    params: list[str] = field(default_factory=list[str])

    def sql(self, source: Source, node: cst.BaseExpression, *, takes_params: bool) -> None:
        """Make one piece of SQL a literal. Raises Decline."""
        if string_value(node) is not None:
            return
        if isinstance(node, (cst.Name, cst.Attribute, cst.Subscript)):
            raise Decline(
                f"`{source.code(node)}` is made elsewhere: if it is a constant, suppress the finding with that"
            )
        whole = template(source, node)
        code = folded(source, whole)
        if code is None:
            if not takes_params:
                raise Decline("a value is put in where no parameter can be")
            made = parametrised(source, whole, "format", double_quotes=False)
            code = made.code
            self.params += made.values
        self.edits.append(source.replace(node, code))

    def fix(self, *extra: TextEdit) -> list[Fix]:
        if self.params:
            edits = (*self.edits, *extra)
            return [Fix("Pass the values as params", edits, Safety.REVIEW, NAME, (_NOTE,))]
        if not self.edits:
            raise Decline("all SQL is written as literals already: suppress the finding with that reason")
        note = "The value stays the same; written as a literal, everybody sees that nothing is injected."
        return [Fix("Write the constant SQL as a literal", tuple(self.edits), Safety.SAFE, NAME, (note,))]


def _raw(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _last_name(c.func) == "RawSQL")
    sql, params = argument(call, "sql", 0), argument(call, "params", 1)
    if sql is None or params is None or has_star_arguments(call):
        raise Decline("the SQL or its parameters are given in a way that cannot be followed")
    change = _Change()
    no_params = isinstance(params.value, (cst.List, cst.Tuple)) and not params.value.elements
    change.sql(source, sql.value, takes_params=no_params)
    return change.fix(TextEdit(source.span_with_parentheses(params.value), f"[{', '.join(change.params)}]"))


def _extra(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _last_name(c.func) == "extra")
    if has_star_arguments(call):
        raise Decline("arguments may be hidden in * or **")
    given = {name: arg.value for i, name in enumerate(_EXTRA) if (arg := argument(call, name, i))}
    change = _Change()
    for name in ("where", "tables"):
        takes_params = name == "where" and "params" not in given
        for node in _elements(given[name], name) if name in given else ():
            change.sql(source, node, takes_params=takes_params)
    if (select := given.get("select")) is not None:
        _select(source, select, change)
    return change.fix(source.add_argument(call, f"params=[{', '.join(change.params)}]"))


def _elements(node: cst.BaseExpression, name: str) -> Sequence[cst.BaseExpression]:
    if not isinstance(node, cst.List) or any(isinstance(e, cst.StarredElement) for e in node.elements):
        raise Decline(f"`{name}` is not written as a list here")
    return [e.value for e in node.elements]


def _select(source: Source, node: cst.BaseExpression, change: _Change) -> None:
    if isinstance(node, cst.Call) and source.qualified_name(node.func) == "dict" and not has_star_arguments(node):
        if any(a.keyword is None or string_value(a.value) is None for a in node.args) or has_comment(node):
            raise Decline("the columns of `select` are not all literals")
        quote = "'" if node.args and source.code(node.args[0].value).startswith("'") else '"'
        items = [f"{quote}{a.keyword.value}{quote}: {source.code(a.value)}" for a in node.args if a.keyword]
        change.edits.append(source.replace(node, f"{{{', '.join(items)}}}"))
        return
    if not isinstance(node, cst.Dict):
        raise Decline("`select` is not written as a dictionary here")
    for element in node.elements:
        if not isinstance(element, cst.DictElement) or string_value(element.key) is None:
            raise Decline("a column's name in `select` is not a literal")
        change.sql(source, element.value, takes_params=False)


def _last_name(node: cst.BaseExpression) -> str:
    return node.attr.value if isinstance(node, cst.Attribute) else node.value if isinstance(node, cst.Name) else ""


_NOT_APPLIED = "The SQL comes from a variable, or a value is put in where SQL takes no parameter."
FIXERS = (
    Fixer(NAME, frozenset({"B610"}), _extra, not_applied=_NOT_APPLIED),
    Fixer(NAME, frozenset({"B611"}), _raw, not_applied=_NOT_APPLIED),
)

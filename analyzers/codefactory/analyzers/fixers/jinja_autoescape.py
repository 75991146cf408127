"""B701: Jinja does not escape by default. → `autoescape=select_autoescape()`, or `autoescape=True`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument, has_star_arguments, is_false
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding
    from codefactory.analyzers.text import TextEdit

    from .source import Source

NAME = "jinja-autoescape"
_SELECT = "Templates named *.html, *.htm and *.xml, and those made from strings, escape their values now."
_ALWAYS = "All templates escape their values now, those for other formats than HTML too."
_AUTOESCAPE_INDEX = 14


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _is_environment(source, c))
    given = argument(call, "autoescape")
    if given is not None and not is_false(given.value):
        raise Decline(f"what `{source.code(given.value)}` is cannot be seen here")
    if given is None and (has_star_arguments(call) or argument(call, "", _AUTOESCAPE_INDEX)):
        raise Decline("`autoescape` may be among the arguments already")
    always = (source.set_argument(call, "autoescape", "True"),)
    fixes = [Fix("Escape in all templates", always, Safety.REVIEW, NAME, (_ALWAYS,))]
    try:
        name, imports = _select_autoescape(source, call)
    except Decline:
        return fixes
    select = (*imports, source.set_argument(call, "autoescape", f"{name}()"))
    return [Fix("Escape in HTML templates", select, Safety.REVIEW, NAME, (_SELECT,)), *fixes]


def _is_environment(source: Source, call: cst.Call) -> bool:
    name = source.qualified_name(call.func) or ""
    return name.startswith("jinja2.") and name.endswith("Environment")


def _select_autoescape(source: Source, call: cst.Call) -> tuple[str, tuple[TextEdit, ...]]:
    if isinstance(call.func, cst.Attribute) and source.qualified_name(call.func.value) == "jinja2":
        return f"{source.code(call.func.value)}.select_autoescape", ()
    return source.importing("jinja2", "select_autoescape")


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B701"}),
        _fix,
        not_applied="`autoescape` is given by an expression, or may come from ** arguments.",
    ),
)

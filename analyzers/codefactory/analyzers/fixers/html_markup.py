"""B308, B703 (Django's mark_safe) and B704 (MarkupSafe's Markup): HTML put together from values → the values escaped.

mark_safe("<b>%s</b>" % x)  →  format_html("<b>{}</b>", x)
Markup(f"<b>{x}</b>")       →  Markup("<b>{}</b>").format(x)
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import Span, TextEdit

from .argument_list import f_string
from .fixer import Fixer
from .nodes import string_value
from .template import Hole, Literal, StringToken, Template, rendered, template
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "escape-html"
_NOTE = "Values are escaped now. One that holds HTML on purpose has to be marked safe where it is made."
_DJANGO = frozenset(
    f"django.utils.safestring.{name}" for name in ("mark_safe", "SafeString", "SafeText", "SafeUnicode")
)
_MARKUP = frozenset({"markupsafe.Markup", "flask.Markup", "jinja2.Markup"})


def _django(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) in _DJANGO)
    value = _only_argument(call)
    if string_value(value) is not None:
        raise Decline("the HTML is a literal, so nothing can be injected: suppress the finding with that reason")
    if isinstance(value, (cst.Name, cst.Attribute, cst.Subscript)):
        raise Decline(f"whether `{source.code(value)}` holds HTML or text to escape is decided where it is made")
    arguments = _format_arguments(source, value)
    name, imports = source.importing("django.utils.html", "format_html")
    edits = [*imports, source.replace(call.func, name), source.replace(value, arguments)]
    if isinstance(call.func, cst.Name):
        edits += source.without_import(call.func.value, call)
    elif isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Name):
        edits += source.without_import(call.func.value.value, call)
    return [Fix("Escape the values with format_html", tuple(edits), Safety.REVIEW, NAME, (_NOTE,))]


def _format_arguments(source: Source, value: cst.BaseExpression) -> str:
    """The arguments of `format_html` that give what the string expression gives, escaped."""
    whole = template(source, value)
    if not whole.holes:
        raise Decline("the HTML is put together from literals only: suppress the finding with that reason")
    if isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute) and value.func.attr.value == "format":
        # Its literal and arguments can stay as they are.
        if all(h.is_plain for h in whole.holes) and not _looks_into_values(value.func.value):
            args = source.text.slice(Span(source.span(value.args[0]).start, source.span(value.args[-1]).end))
            return f"{source.code_with_parentheses(value.func.value)}, {args}"
        raise Decline("a value is formatted, which cannot be done to an escaped one")
    code, holes = _placeholders(source, whole)
    values = [source.code(h.value) if h.is_plain else _formatted(source, h, whole.tokens[0].quote[0]) for h in holes]
    return ", ".join((code, *values))


def _formatted(source: Source, hole: Hole, quote: str) -> str:
    if hole.conversion == "r" and not hole.spec:
        return f"repr({source.code(hole.value)})"
    return f_string(source, [hole], quote)


def _looks_into_values(literal: cst.BaseExpression) -> bool:
    fields = [field for _, field, _, _ in Formatter().parse(string_value(literal) or "") if field]
    return any(set(field) & set(".[") for field in fields)


def _placeholders(source: Source, whole: Template, *, specs: bool = False) -> tuple[str, list[Hole]]:
    """The template as a literal for `str.format`, and what goes in."""
    values: dict[StringToken, str] = dict.fromkeys(whole.tokens, "")
    token = whole.tokens[0]
    for part in whole.parts:
        if isinstance(part, Literal):
            token = part.token
            values[token] += part.value.replace("{", "{{").replace("}", "}}")
            continue
        conversion = f"!{part.conversion}" if specs and part.conversion not in ("", "s") else ""
        values[token] += f"{{{conversion}{':' + part.spec if specs and part.spec else ''}}}"
    return rendered(source, whole, values), list(whole.holes)


def _markup(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) in _MARKUP)
    value = _only_argument(call)
    if value.lpar:
        raise Decline("the argument has parentheses of its own")
    end = source.span(call).end
    match value:
        case cst.BinaryOperation(operator=cst.Modulo(), left=left, right=right) if string_value(left) is not None:
            template(source, value)
            # Markup("…" % x) → Markup("…") % x
            operator = source.text.slice(Span(source.span(left).end, source.span(right).start))
            moved = source.text.slice(Span(source.span(left).end, source.span(value).end))
            if "\n" in operator or left.lpar:
                raise Decline("the operator stands on another line")
            edits = [TextEdit(Span(source.span(left).end, source.span(value).end), ""), source.insert(end, moved)]
            if not isinstance(source.parent(call), (cst.Expr, cst.Assign, cst.AnnAssign, cst.Return, cst.Arg)):
                edits = [source.insert(source.span(call).start, "("), edits[0], source.insert(end, f"{moved})")]
        case cst.Call(func=cst.Attribute(value=literal, attr=cst.Name(value="format"))) if (
            string_value(literal) is not None
        ):
            tail = Span(source.span(literal).end, source.span(value).end)
            edits = [TextEdit(tail, ""), source.insert(end, source.text.slice(tail))]
        case cst.Name() | cst.Attribute() | cst.Subscript():
            raise Decline(f"whether `{source.code(value)}` holds HTML or text to escape is decided where it is made")
        case _:
            whole = template(source, value)
            if any(h.conversion not in ("", "s", "r", "a") for h in whole.holes):
                raise Decline("a value is formatted with %")
            if not whole.holes:
                raise Decline("the HTML is put together from literals only: suppress the finding with that reason")
            code, holes = _placeholders(source, whole, specs=True)
            values = ", ".join(source.code(h.value) for h in holes)
            edits = [source.replace(value, code), source.insert(end, f".format({values})")]
    return [Fix("Escape the values with Markup", tuple(edits), Safety.REVIEW, NAME, (_NOTE,))]


def _only_argument(call: cst.Call) -> cst.BaseExpression:
    if len(call.args) != 1 or call.args[0].star or call.args[0].keyword:
        raise Decline("it is called with more than the HTML")
    return call.args[0].value


_NOT_APPLIED = (
    "The HTML is a literal, or comes ready-made from elsewhere, so that it is not seen which part of it is a value."
)
FIXERS = (
    Fixer(NAME, frozenset({"B308", "B703"}), _django, not_applied=_NOT_APPLIED),
    Fixer(NAME, frozenset({"B704"}), _markup, not_applied=_NOT_APPLIED),
)

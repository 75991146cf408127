"""`Template`: a string that is put together from literals and values, however it is written.

    "a %s" % x      "a {}".format(x)      f"a {x}"      "a " + x      "a X".replace("X", x)

all are the parts `Literal("a ")`, `Hole(x)`. Fixers for shell commands, SQL and HTML decide on the parts.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import count
from string import Formatter
from typing import TYPE_CHECKING

import libcst as cst

from .tree import Decline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .source import Source

StringToken = cst.SimpleString | cst.FormattedString


@dataclass(frozen=True, slots=True)
class Literal:
    value: str
    token: StringToken
    """The string literal in the source that this is (a part of)."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A value that is put into the string."""

    value: cst.BaseExpression
    conversion: str = ""
    """What is done with the value: "" nothing, so it is a str already (`+`); "s" `str()`; "r", "a"; or the letter of
    a %-conversion ("d", "x", …)."""
    spec: str = ""
    """The format specification, "" for none."""

    @property
    def is_plain(self) -> bool:
        """Whether the value's `str()` goes in as it is."""
        return self.conversion in ("", "s") and not self.spec


Part = Literal | Hole


@dataclass(frozen=True, slots=True)
class Template:
    node: cst.BaseExpression
    parts: tuple[Part, ...]

    @property
    def holes(self) -> tuple[Hole, ...]:
        return tuple(p for p in self.parts if isinstance(p, Hole))

    @property
    def tokens(self) -> tuple[StringToken, ...]:
        return tuple(dict.fromkeys(p.token for p in self.parts if isinstance(p, Literal)))


def template(source: Source, node: cst.BaseExpression) -> Template:
    """The parts of a string expression. Raises Decline where it is none, or is put together in another way."""
    parts = _parts(node)
    if not any(isinstance(p, Literal) for p in parts):
        raise Decline("the string is put together elsewhere")
    if has_comment(node):
        raise Decline("a comment stands inside the string's expression")
    evaluated = [p.value for p in parts if isinstance(p, Hole)]
    if len(evaluated) != len(set(evaluated)) and not all(is_simple(v) for v in evaluated):
        raise Decline("a value is used twice and may have side effects")
    return Template(node, tuple(parts))


def outermost(source: Source, node: cst.CSTNode) -> cst.BaseExpression:
    """From a string literal (or an expression around it) up to the whole expression that puts the string together."""
    while True:
        parent = source.parent(node)
        match parent:
            case cst.ConcatenatedString():
                node = parent
            case cst.BinaryOperation(operator=cst.Add()):
                node = parent
            case cst.BinaryOperation(operator=cst.Modulo(), left=left) if left is node:
                node = parent
            case cst.Attribute(value=value, attr=cst.Name(value=("format" | "replace"))) if value is node:
                call = source.parent(parent)
                if not isinstance(call, cst.Call) or call.func is not parent:
                    break
                node = call
            case _:
                break
    if not isinstance(node, cst.BaseExpression):
        raise Decline("the string was not recognised")
    return node


def is_simple(node: cst.CSTNode) -> bool:
    """Whether evaluating it a second time, or a little later, can hardly make a difference: a name, an attribute of
    one, a literal."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, (cst.Name, cst.SimpleString, cst.Integer, cst.Float))


# -- taking apart


def _parts(node: cst.BaseExpression) -> list[Part]:
    match node:
        case cst.SimpleString():
            value = node.evaluated_value
            if not isinstance(value, str):
                raise Decline("it is bytes, not text")
            return [Literal(value, node)]
        case cst.FormattedString():
            return _f_string(node)
        case cst.ConcatenatedString():
            return _parts(node.left) + _parts(node.right)
        case cst.BinaryOperation(operator=cst.Add()):
            left, right = _operand(node.left), _operand(node.right)
            if not any(isinstance(p, Literal) for p in (*left, *right)):
                return [Hole(node)]
            return left + right
        case cst.BinaryOperation(operator=cst.Modulo()):
            return _percent(_literals(node.left), node.right)
        case cst.Call(func=cst.Attribute(value=value, attr=cst.Name(value="format"))):
            return _format(_literals(value), node.args)
        case cst.Call(func=cst.Attribute(value=value, attr=cst.Name(value="replace"))) if len(node.args) == 2:
            return _replace(_parts(value), *node.args)
        case _:
            raise Decline("the string is put together elsewhere")


def _operand(node: cst.BaseExpression) -> list[Part]:
    """One side of a `+`: what is no string expression is a value."""
    strings = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString, cst.BinaryOperation)
    is_method = (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and isinstance(node.func.value, (cst.SimpleString, cst.ConcatenatedString))
        and node.func.attr.value in ("format", "replace")
    )
    return _parts(node) if isinstance(node, strings) or is_method else [Hole(node)]


def _literals(node: cst.BaseExpression) -> list[Literal]:
    parts = _parts(node)
    literals = [p for p in parts if isinstance(p, Literal)]
    if len(literals) != len(parts):
        raise Decline("the format itself is put together from values")
    return literals


def _f_string(node: cst.FormattedString) -> list[Part]:
    # Python evaluates the literal parts (escapes, doubled braces); libcst has the expressions as nodes.
    try:
        parsed = ast.parse(cst.Module([]).code_for_node(node.with_changes(lpar=(), rpar=())), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise Decline("the f-string cannot be evaluated by this version of Python") from error
    expressions = [p for p in node.parts if isinstance(p, cst.FormattedStringExpression)]
    if not isinstance(parsed, ast.JoinedStr) or any(e.equal for e in expressions):
        raise Decline("the f-string has a {value=}")
    holes = iter(expressions)
    parts: list[Part] = []
    for value in parsed.values:
        if isinstance(value, ast.Constant):
            parts.append(Literal(str(value.value), node))
            continue
        expression = next(holes)
        spec = "".join(
            p.value if isinstance(p, cst.FormattedStringText) else "{}" for p in expression.format_spec or ()
        )
        if "{" in spec:
            raise Decline("a format specification is itself computed")
        parts.append(Hole(expression.expression, expression.conversion or "s", spec))
    return parts or [Literal("", node)]


_PERCENT = re.compile(
    r"%(?:\((?P<key>[^)]*)\))?(?P<spec>[#0\- +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?)[hlL]?(?P<letter>.)", re.DOTALL
)


def _percent(literals: list[Literal], right: cst.BaseExpression) -> list[Part]:
    values = _percent_values(right)
    positions = count()
    parts: list[Part] = []
    for literal in literals:
        for text, match in _split(_PERCENT, literal.value):
            if text:
                parts.append(Literal(text, literal.token))
            if match is None:
                continue
            if match["letter"] == "%":
                parts.append(Literal("%", literal.token))
                continue
            if "*" in match["spec"] or not match["letter"].isalpha():
                raise Decline("the %-format has a part that is not understood")
            key = match["key"] if match["key"] is not None else next(positions)
            if key not in values:
                raise Decline("the values of the %-format cannot be matched with its places")
            parts.append(Hole(values[key], match["letter"], match["spec"]))
    used = next(positions)
    if used not in (0, len(values)) or (used == 0 and any(isinstance(k, int) for k in values)):
        raise Decline("the values of the %-format cannot be matched with its places")
    return parts


def _percent_values(right: cst.BaseExpression) -> Mapping[str | int, cst.BaseExpression]:
    if isinstance(right, cst.Tuple):
        if any(isinstance(e, cst.StarredElement) for e in right.elements):
            raise Decline("the values come from a * argument")
        return {i: e.value for i, e in enumerate(right.elements)}
    if isinstance(right, cst.Dict):
        return dict(_items(right))
    return {0: right}


def _items(node: cst.Dict) -> Iterator[tuple[str, cst.BaseExpression]]:
    for element in node.elements:
        key = element.key if isinstance(element, cst.DictElement) else None
        name = key.evaluated_value if isinstance(key, cst.SimpleString) else None
        if not isinstance(name, str):
            raise Decline("the names of the values are not literals")
        yield name, element.value


def _split(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    at = 0
    for match in pattern.finditer(text):
        yield text[at : match.start()], match
        at = match.end()
    yield text[at:], None


def _format(literals: list[Literal], args: Sequence[cst.Arg]) -> list[Part]:
    values = _format_values(args)
    positions = count()
    used: set[str | int] = set()
    parts: list[Part] = []
    for literal in literals:
        try:
            fields = list(Formatter().parse(literal.value))
        except ValueError as error:
            raise Decline("the format is not valid") from error
        for text, field, spec, conversion in fields:
            if text:
                parts.append(Literal(text, literal.token))
            if field is None:
                continue
            key = next(positions) if field == "" else int(field) if field.isdigit() else field
            if key not in values or (spec and "{" in spec):
                raise Decline("the values of the format cannot be matched with its places")
            used.add(key)
            parts.append(Hole(values[key], conversion or "s", spec or ""))
    if not all(is_simple(value) for key, value in values.items() if key not in used):
        raise Decline("the format does not use a value that may have side effects")
    return parts


def _format_values(args: Sequence[cst.Arg]) -> Mapping[str | int, cst.BaseExpression]:
    values: dict[str | int, cst.BaseExpression] = {}
    positions = count()
    for arg in args:
        match arg:
            case cst.Arg(star="*", value=cst.List(elements=elements) | cst.Tuple(elements=elements)) if not any(
                isinstance(e, cst.StarredElement) for e in elements
            ):
                values.update((next(positions), e.value) for e in elements)
            case cst.Arg(star="**", value=cst.Dict() as given):
                values.update(_items(given))
            case cst.Arg(star="", keyword=cst.Name(value=name)):
                values[name] = arg.value
            case cst.Arg(star=""):
                values[next(positions)] = arg.value
            case _:
                raise Decline("the values come from * or ** arguments")
    return values


def _replace(parts: list[Part], old: cst.Arg, new: cst.Arg) -> list[Part]:
    pattern = old.value.evaluated_value if isinstance(old.value, cst.SimpleString) else None
    if not isinstance(pattern, str) or not pattern or old.keyword or new.keyword or old.star or new.star:
        raise Decline("what is replaced is not a literal")
    literals = [p for p in parts if isinstance(p, Literal)]
    if len(literals) != len(parts):
        raise Decline("a value that is put in first may hold the text that is replaced")
    out: list[Part] = []
    found = 0
    for part in literals:
        for text, match in _split(re.compile(re.escape(pattern)), part.value):
            if text:
                out.append(Literal(text, part.token))
            if match:
                found += 1
                out.append(Hole(new.value))
    if not found:
        raise Decline("what is replaced does not occur in the literal")
    return out


def has_comment(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Comment) or any(has_comment(child) for child in node.children)


# -- putting together


def quoted(value: str, quote: str = '"') -> str:
    """A literal for `value`. Of `"` and `'`, the one that needs no escape is taken."""
    other = {'"': "'", "'": '"'}.get(quote)
    if other and quote in value and other not in value:
        quote = other
    body = value.replace("\\", "\\\\").replace("\r", "\\r").replace("\0", "\\x00")
    if len(quote) == 1:
        body = body.replace("\n", "\\n").replace(quote, f"\\{quote}")
    else:
        body = body.replace(quote, "\\".join(("", *quote)))
        if body.endswith(quote[0]):
            body = f"{body[:-1]}\\{quote[0]}"
    return f"{quote}{body}{quote}"


def folded(source: Source, whole: Template) -> str | None:
    """The whole string as one literal, where all values are string literals; None where one is not."""
    values: dict[StringToken, str] = dict.fromkeys(whole.tokens, "")
    token = whole.tokens[0]
    for part in whole.parts:
        if isinstance(part, Literal):
            token = part.token
            values[token] += part.value
            continue
        value = part.value.evaluated_value if isinstance(part.value, cst.SimpleString) else None
        if not isinstance(value, str) or not part.is_plain:
            return None
        values[token] += value
    return rendered(source, whole, values)


def rendered(source: Source, whole: Template, values: Mapping[StringToken, str]) -> str:
    """The template's literals with new values, as one expression: those on one line become one literal, those on
    several lines stay apart. Raises Decline where a literal is written in a way (escapes) that would not come back."""
    lines: list[tuple[StringToken, str]] = []
    end_line = -1
    for token in whole.tokens:
        written = source.code(token)
        if re.search(r"\\[^nt\\'\"]", written) or ("\\" in written and "r" in token.prefix.lower()):
            raise Decline("the string has escapes that would not be kept")
        span = source.span(token)
        if span.start.line == end_line:
            lines[-1] = (lines[-1][0], lines[-1][1] + values[token])
        else:
            lines.append((token, values[token]))
        end_line = span.end.line
    separator = source.text.newline
    if len(lines) > 1:
        column = source.span(lines[1][0]).start
        before = source.text.line(column.line)[: column.column]
        separator += before if not before.strip() else source.indentation(whole.node) + "    "
    code = separator.join(_written(source, token, value) for token, value in lines)
    return code if len(lines) == 1 or _in_brackets(source, whole.node) else f"({code})"


def _written(source: Source, token: StringToken, value: str) -> str:
    code = quoted(value, token.quote)
    if "\\t" in source.code(token):
        code = code.replace("\t", "\\t")
    return code.replace("\n", source.text.newline)


def _in_brackets(source: Source, node: cst.BaseExpression) -> bool:
    for ancestor in (node, *source.ancestors(node)):
        if isinstance(ancestor, (cst.Arg, cst.List, cst.Dict, cst.Set, cst.Subscript)) or getattr(ancestor, "lpar", ()):
            return True
        if isinstance(ancestor, cst.BaseSmallStatement):
            return False
    return False

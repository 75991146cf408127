"""A SQL statement put together from values → the statement with placeholders, and the values.

Decides on the text alone which values stand where SQL takes a value, so that the statement means the same with a
placeholder there. Identifiers (tables, columns), keywords and lists cannot be parameters: those are declined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import libcst as cst

from .argument_list import f_string
from .template import Hole, StringToken, Template, rendered
from .template import Literal as Text
from .tree import Decline

if TYPE_CHECKING:
    from .source import Source

Paramstyle = Literal["qmark", "format", "numeric"]
"""PEP 249's: `?`, `%s`, `:1`."""

_VALUE_FOLLOWS = re.compile(
    r"(?:=|<|>|\b(?:i?like|regexp|rlike|glob|match|between|limit|offset|when|then)"
    r"|\bbetween\s+\S+\s+and|\bin\s*\((?:[^()]*,)?|\bvalues\s*\((?:[^()]*\)\s*,\s*\()*(?:[^()]*,)?)\s*$",
    re.IGNORECASE,
)
"""What stands before a value: a comparison, `SET a =`, an element of IN (…) or VALUES (…)."""
_VALUE_ENDS = re.compile(r"\s*(?:$|[,);]|--)|\s+\w")
_SQL_NAME = re.compile(
    r"(?:^|[_.])(?:col|cols|column|columns|field|fields|table|tables|sql|query|clause|cond|condition|expr|expression"
    r"|order|where|filter|schema|db|database|placeholders|subquery|values|ids|list|keys)$"
)
"""Names of values that are more likely a piece of SQL, or several values."""
_QUOTER = re.compile(r"(?:quote|escape|literal|sql|adapt|compile)\w*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parametrised:
    code: str
    """The statement as an expression."""
    values: tuple[str, ...]
    """The parameters, as code."""


def parametrised(source: Source, whole: Template, style: Paramstyle, *, double_quotes: bool) -> Parametrised:
    """`double_quotes`: whether "…" is a string for this database, too. Raises Decline."""
    return _Parametriser(source, whole, style, "'\"" if double_quotes else "'").run()


class _Parametriser:
    def __init__(self, source: Source, whole: Template, style: Paramstyle, quotes: str) -> None:
        self.source = source
        self.whole = whole
        self.style = style
        self.quotes = quotes
        self.sql = ""
        """The statement so far, with `?` for every value, for looking back."""
        self.out: dict[StringToken, str] = dict.fromkeys(whole.tokens, "")
        self.values: list[str] = []
        self.quote = ""
        """The quote that is open."""
        self.inside: list[str | Hole] = []
        """What has come since it was opened."""

    def run(self) -> Parametrised:
        if not self.whole.holes:
            raise Decline("the statement is put together from literals only: suppress the finding with that reason")
        token = self.whole.tokens[0]
        rest = [p.value if isinstance(p, Text) else "?" for p in self.whole.parts]
        for index, part in enumerate(self.whole.parts):
            if isinstance(part, Text):
                token = part.token
                for at, character in enumerate(part.value):
                    self._character(character, token, part.value[at + 1 :] + "".join(rest[index + 1 :]))
            elif self.quote:
                self.inside.append(part)
            else:
                self._check_value(part, "".join(rest[index + 1 :]))
                self._placeholder(self._unquoted_value(part), token)
        if self.quote:
            raise Decline("a quote of the statement is not closed")
        return Parametrised(rendered(self.source, self.whole, self.out), tuple(self.values))

    def _character(self, character: str, token: StringToken, following: str) -> None:
        if self.quote:
            if character != self.quote:
                self.inside.append(character)
                return
            opened, self.quote = self.quote, ""
            if any(isinstance(p, Hole) for p in self.inside):
                self._quoted_value(token, opened, following)
            else:
                text = "".join(str(p) for p in self.inside)
                self._text(f"{opened}{text}{opened}", token)
        elif character in "'\"`":
            self.quote, self.inside = character, []
        else:
            if (character == "?" and self.style == "qmark") or (
                character in ":@$" and self.style != "format" and re.match(r"\w", following)
            ):
                raise Decline("the statement has placeholders already")
            self._text(character, token)

    def _text(self, text: str, token: StringToken) -> None:
        self.sql += text
        self.out[token] += text.replace("%", "%%") if self.style == "format" else text

    def _quoted_value(self, token: StringToken, quote: str, following: str) -> None:
        """`'{x}'` is the value x; `'%{x}%'` is one value, put together."""
        if quote not in self.quotes:
            raise Decline("a name (of a table or column) is put in, which cannot be a parameter")
        if not _VALUE_FOLLOWS.search(self.sql) or not _VALUE_ENDS.match(following):
            raise Decline("a value stands where it may not be a parameter")
        if any(isinstance(p, str) and p in "\\'" for p in self.inside):
            raise Decline("a quoted value has escapes")
        if any(isinstance(p, Hole) and _QUOTER.search(self.source.code(p.value)) for p in self.inside):
            raise Decline("a value is quoted for SQL already")
        parts: list[str | Hole] = []
        for part in self.inside:
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
        match parts:
            case [Hole() as hole] if _is_value(hole):
                code = self.source.code(hole.value)
            case _:
                code = f_string(self.source, parts)
        self._placeholder(code, token)

    def _unquoted_value(self, hole: Hole) -> str:
        if not _is_value(hole):
            return f_string(self.source, [hole])
        match hole.value:
            case cst.Call(func=cst.Name(value="str"), args=[cst.Arg(keyword=None, star="", value=number)]):
                return self.source.code(number)  # `str` was only there to write it into the statement
            case value:
                return self.source.code(value)

    def _check_value(self, hole: Hole, following: str) -> None:
        if not _VALUE_FOLLOWS.search(self.sql):
            raise Decline(f"`{self.source.code(hole.value)}` is no value in this statement, or not surely one")
        code = self.source.code(hole.value)
        if _QUOTER.search(code):
            raise Decline(f"`{code}` is quoted for SQL already")
        if _SQL_NAME.search(code.lower()) or ".join(" in code:
            raise Decline(f"`{code}` may be a piece of SQL, or several values")
        if not _VALUE_ENDS.match(following):
            raise Decline("a value is only part of a word")

    def _placeholder(self, code: str, token: StringToken) -> None:
        self.values.append(code)
        self.sql += "?"
        written = {"qmark": "?", "format": "%s", "numeric": f":{len(self.values)}"}
        self.out[token] += written[self.style]


def _is_value(hole: Hole) -> bool:
    """Whether the database can be given the value itself: `%d` and `%r` only wrote it as SQL."""
    return not hole.spec and hole.conversion in ("", "s", "r", "d", "i")

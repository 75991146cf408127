"""B105, B106, B107: a password in the code. → `os.environ["DB_PASSWORD"]`, named after the variable, key, keyword or
parameter that holds it, with the class or function before it where one file holds several.

No fix's title, notes or reason repeats the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import scope_names, vocabulary, words
from .nodes import string_value
from .tree import Decline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "password-from-environment"

_WORDS = r"(pas+wo?r?d|pass(phrase)?|pwd|token|secrete?)"
_HOLDS_ONE = re.compile(rf"(?i)(^|_){_WORDS}(_|$)")
"""bandit's and ruff's names that hold a password."""
_MENTIONS_ONE = re.compile(rf"(?i){_WORDS}")
_ABOUT_ONE = vocabulary("""
    action algorithm attr attribute class column endpoint env error event field file filename form format header
    help hint input key label length message model msg name param parameter path pattern policy prefix prompt regex
    scope separator service state status suffix template text title type uri url variable view widget
""")
"""Words in a name that say: not a password, but something about one."""
_PLACEHOLDER = re.compile(
    r"(?i)<.*>|\[.*\]|\$?\{.*\}|%.*|x+|change.?(me|this|it)|your.*|todo|tbd|fixme|none|null|true|false|example.*|"
    r"sample|dummy|placeholder|default|foo|bar|test(ing)?|n/?a|(not.?|un)set|unknown|redacted|required|optional|"
    r"bearer|basic|digest|jwt|oauth2?|csrf|access|refresh|invalid|missing|expired"
)
_LONGEST = 2_000
_ENVIRONMENT_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_NAME = re.compile(r"[A-Za-z]+([_.\-][A-Za-z]+)*")
_PATTERN = re.compile(r"\\|\[.*\]|\(\?|%[sdr(]|\{\w*\}")
_COMPOUND = re.compile(r"[a-z]+([_\-][a-z]+)+")
_DOTTED = re.compile(r"[a-z_]+(\.[A-Za-z_]+){2,}")


@dataclass(frozen=True, slots=True)
class _Secret:
    """A string literal that goes to a name for passwords."""

    code: Literal["B105", "B106", "B107"]
    literal: cst.SimpleString
    name: str
    scope: str = ""
    """The class or function it belongs to; for a keyword argument, the function that is called."""
    key: cst.CSTNode | None = None
    """The string that names it, in a dictionary or subscript: the findings are there."""
    is_compared: bool = False

    @property
    def value(self) -> str:
        return string_value(self.literal) or ""


def _fix(source: Source, finding: Finding) -> list[Fix]:
    secrets = source.once(_secrets)
    secret = next((s for s in secrets if _is_about(source, finding, s)), None)
    if secret is None:
        raise Decline("the value is not one plain string literal")
    if _is_test(source):
        raise Decline("a test's own value is no secret")
    if reason := _harmless(source, secret):
        raise Decline(reason)
    variable = _variable(source, secret)
    module, imports = source.importing("os")
    edits = (*imports, source.replace(secret.literal, f"{module}.environ{_subscript(secret.literal, variable)}"))
    notes = (
        f"Set {variable} where the program runs: without it the program stops here with KeyError.",
        "The old value stays in the version history: replace it wherever it is accepted.",
    )
    return [Fix(f"Read {variable} from the environment", edits, Safety.REVIEW, NAME, notes)]


def _subscript(literal: cst.SimpleString, variable: str) -> str:
    quote = "'" if literal.quote.startswith("'") else '"'
    return f"[{quote}{variable}{quote}]"


def _is_about(source: Source, finding: Finding, secret: _Secret) -> bool:
    """The finding's span is the value, its key, or the whole call or function around it."""
    if secret.code[1:] != finding.code[1:]:
        return False
    span, at = finding.span, source.span(secret.literal)
    if span.start <= at.start and at.end <= span.end:
        return True
    return secret.key is not None and source.span(secret.key) == span


def _secrets(source: Source) -> list[_Secret]:
    found: list[_Secret] = []
    for literal in source.all(cst.SimpleString):
        secrets = (s for s in _secret(source, literal) if _HOLDS_ONE.search(s.name))
        first = next(secrets, None)
        if first is not None and isinstance(literal.evaluated_value, str):
            found.append(first)
    return found


def _values_by_name(source: Source) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Name for a variable → the likely secrets that could be called so; without and with what they are in."""
    short: dict[str, set[str]] = {}
    long: dict[str, set[str]] = {}
    for secret in source.once(_secrets):
        if not _harmless(source, secret):
            short.setdefault(_upper(secret.name), set()).add(secret.value)
            long.setdefault(_upper(f"{secret.scope}_{secret.name}"), set()).add(secret.value)
    return short, long


def _values(source: Source) -> frozenset[str | None]:
    return frozenset(string_value(string) for string in source.all(cst.SimpleString))


def _secret(source: Source, literal: cst.SimpleString) -> Iterator[_Secret]:
    parent = source.parent(literal)
    scope = next(scope_names(source, literal), "")
    if isinstance(parent, (cst.Assign, cst.AnnAssign)) and parent.value is literal:
        targets = [t.target for t in parent.targets] if isinstance(parent, cst.Assign) else [parent.target]
        for target in targets:
            key = _key(target)
            yield _Secret("B105", literal, string_value(key) or _last_name(target), scope, key)
    elif isinstance(parent, cst.DictElement) and parent.value is literal:
        yield _Secret("B105", literal, string_value(parent.key) or "", _dictionary(source, parent) or scope, parent.key)
    elif isinstance(parent, cst.ComparisonTarget):
        comparison = source.parent(parent)
        if isinstance(comparison, cst.Comparison):
            yield _Secret("B105", literal, _last_name(comparison.left), scope, is_compared=True)
    elif isinstance(parent, cst.Arg) and parent.keyword is not None:
        call = source.parent(parent)
        called = _last_name(call.func) if isinstance(call, cst.Call) else ""
        yield _Secret("B106", literal, parent.keyword.value, called)
    elif isinstance(parent, cst.Param) and parent.default is literal:
        yield _Secret("B107", literal, parent.name.value, scope)


def _dictionary(source: Source, element: cst.DictElement) -> str:
    """The "d" of `d = {"password": …}`."""
    dictionary = source.parent(element)
    assign = source.parent(dictionary) if dictionary else None
    return _last_name(assign.targets[0].target) if isinstance(assign, cst.Assign) else ""


def _key(target: cst.BaseExpression) -> cst.BaseExpression | None:
    """The "x" of `d["x"]`."""
    if isinstance(target, cst.Subscript) and len(target.slice) == 1 and isinstance(target.slice[0].slice, cst.Index):
        return target.slice[0].slice.value
    return None


def _last_name(node: cst.BaseExpression) -> str:
    node = node.attr if isinstance(node, cst.Attribute) else node
    return node.value if isinstance(node, cst.Name) else ""


def _harmless(source: Source, secret: _Secret) -> str:
    """Why the value is plainly no password, or "": with so general a rule, most findings are of that kind."""
    value = secret.value
    if len(value) > _LONGEST:
        return "the value is too long for a password"
    if len(value) < 2 or not re.search("[A-Za-z0-9]", value) or _PLACEHOLDER.fullmatch(value):
        return "the value is empty, a sign or a placeholder, not a secret"
    if words(secret.name) & _ABOUT_ONE:
        return "the name says that the value is something about a password, not one"
    if secret.is_compared and "token" in words(secret.name):
        return "a token that is compared with a literal is mostly one of a grammar"
    if any(char.isspace() for char in value) or "://" in value or value.startswith(("/", "./", "../", "~")):
        return "the value reads like a text, an address or a path, not like a secret"
    if secret.literal.prefix or _PATTERN.search(value):
        return "the value reads like a pattern or a template, not like a secret"
    if "token" in words(secret.name) and not any(char.isdigit() for char in value):
        return "the value reads like a word: tokens mostly have digits"
    if _ENVIRONMENT_NAME.fullmatch(value) or _DOTTED.fullmatch(value) or _COMPOUND.fullmatch(value):
        return "the value reads like a name, not like a secret"
    if value.lower() in secret.name.lower() or (_NAME.fullmatch(value) and _MENTIONS_ONE.search(value)):
        return "the value reads like the name of a field, not like a secret"
    if any(_is_enumeration(ancestor) for ancestor in source.ancestors(secret.literal)):
        return "the value is a member of an enumeration, not a secret"
    return ""


def _is_test(source: Source) -> bool:
    path = PurePosixPath(source.snapshot.name.replace("\\", "/"))
    return path.name.startswith(("test_", "conftest")) or path.stem.endswith("_test") or "tests" in path.parts


def _is_enumeration(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.ClassDef) and any(
        _last_name(base.value).endswith(("Enum", "Flag", "Choices")) for base in node.bases
    )


def _variable(source: Source, secret: _Secret) -> str:
    """The name of the environment variable: one for each value in the file. Where several values go to one name, what
    is in a class or function has that before its name."""
    own, short = {secret.value}, _upper(secret.name)
    by_short, by_long = source.once(_values_by_name)
    name = _upper(f"{secret.scope}_{secret.name}") if by_short[short] - own else short
    taken = by_long.get(name, own) | (by_short.get(name, own) if name != short else own)
    if taken - own or name in source.once(_values):
        raise Decline(f"{name} would stand for several values in this file")
    return name


def _upper(name: str) -> str:
    """`dbPassword`, `db-password` → DB_PASSWORD."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name)
    return parted.strip("_").upper()


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B105", "B106", "B107"}),
        _fix,
        not_applied="The value is empty, a placeholder, a path, a sentence or the name of something; the name says "
        "that it is no password (password_field); it is in a test or an enumeration; or one file holds several values "
        "under one name.",
    ),
)

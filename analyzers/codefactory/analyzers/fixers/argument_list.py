"""A shell command line, written as a string expression → the list of arguments the shell would have made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from .flow import assignment
from .nodes import string_value
from .template import Hole, Literal, Template, quoted, template
from .tree import Decline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers.text import TextEdit

    from .source import Source

SPLITTING = "A value with spaces in it was several arguments for the shell; now it is one."
GLOBBING = "Wildcards are expanded by `glob` now, below `./`, so that no file name can be taken for an option."

_SYNTAX = "|&;<>()$`"
_BUILTINS = frozenset(
    """
    . : alias bg break case cd command continue eval exec exit export fc fg for function getopts hash if jobs local
    newgrp read readonly return select set shift source time times trap type ulimit umask unalias unset until wait
    while ! { [[
    assoc cls copy del dir erase ftype md mklink move path popd pushd rd ren rename start title ver vol
    """.split()  # noqa: SIM905  (a list of this length reads better as text)
)
"""Commands of sh and of cmd.exe that are no programs."""

_PLURAL = (
    "args",
    "arguments",
    "argv",
    "cmd",
    "command",
    "flags",
    "options",
    "opts",
    "params",
    "parameters",
    "switches",
)
_STR_CALLS = frozenset(
    {"str", "repr", "input", "os.getcwd", "os.fspath", "os.path.abspath", "os.path.basename", "os.path.dirname"}
    | {"os.path.expanduser", "os.path.join", "os.path.normpath", "os.path.realpath", "platform.system"}
)
_NUMBERS = tuple("dioxXeEfFgG")
_QUOTERS = frozenset({"shlex.quote", "pipes.quote"})


@dataclass(frozen=True, slots=True)
class ArgumentList:
    code: str
    """The list, to put where the string was."""
    edits: tuple[TextEdit, ...] = ()
    """Edits elsewhere."""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Word:
    parts: list[str | Hole] = field(default_factory=list["str | Hole"])
    is_pattern: bool = False
    splits: bool = False

    def add(self, character: str) -> None:
        if self.parts and isinstance(self.parts[-1], str):
            self.parts[-1] += character
        else:
            self.parts.append(character)


def argument_list(source: Source, command: cst.BaseExpression) -> ArgumentList:
    """What to pass to `subprocess` instead of the command line `command`. Raises Decline."""
    if not isinstance(command, cst.Name):
        return _from_template(source, template(source, command))
    found = assignment(source, command)
    if found is None:
        raise Decline(f"where `{command.value}` gets its value cannot be followed")
    whole = template(source, found.value)
    made = _from_template(source, whole)
    if len(_words(source, whole)) == 1 and not whole.holes and "*" not in made.code:
        return ArgumentList(f"[{command.value}]")
    if not found.is_only_for_this_use or isinstance(found.statement.body[0], cst.AnnAssign):
        raise Decline(f"`{command.value}` is used as a string elsewhere too")
    return ArgumentList(command.value, (source.replace(found.value, made.code), *made.edits), made.notes)


def _from_template(source: Source, whole: Template) -> ArgumentList:
    words = _words(source, whole)
    _check_program(words)
    quote = whole.tokens[0].quote[0]
    edits: tuple[TextEdit, ...] = ()
    notes: list[str] = []
    items: list[str] = []
    for word in words:
        if word.is_pattern:
            name, edits = source.importing("glob")
            items.append(_pattern(word, name, quote))
            notes.append(GLOBBING)
        else:
            items.append(_item(source, word, quote))
        if word.splits:
            notes.append(SPLITTING)
    edits = (*edits, *_without_quoters(source, whole))
    return ArgumentList(f"[{', '.join(items)}]", edits, tuple(dict.fromkeys(notes)))


def _without_quoters(source: Source, whole: Template) -> tuple[TextEdit, ...]:
    """The import of shlex goes where it was for these values only."""
    roots: set[str] = set()
    for hole in whole.holes:
        func = hole.value.func if isinstance(hole.value, cst.Call) else None
        if func is not None and source.qualified_name(func) in _QUOTERS:
            roots.add(source.code(func).split(".")[0])
    return tuple(edit for root in sorted(roots) for edit in source.without_import(root, whole.node))


def _words(source: Source, whole: Template) -> list[_Word]:
    """The words of the command line, as sh would split it. Raises Decline where sh would do more than split."""
    words: list[_Word] = []
    word: _Word | None = None
    quote = ""
    characters = list(_characters(whole))
    for index, character in enumerate(characters):
        if isinstance(character, Hole):
            word = word or _Word()
            if not quote:
                _check_adjoining(source, word, character)
            word.parts.append(_value(source, character, quote))
            word.splits |= not quote and word.parts[-1] is character
            continue
        following = characters[index + 1] if index + 1 < len(characters) else ""
        if quote:
            if character == quote:
                quote = ""
                continue
            if quote == '"' and character in "$`\\":
                raise Decline(f"the shell expands `{character}`")
            word = word or _Word()
            word.add(character)
        elif character in " \t":
            words += [word] if word else []
            word = None
        else:
            _check_unquoted(character, following, is_first=word is None)
            word = word or _Word()
            if character in "'\"":
                quote = character
                word.add("")
            else:
                word.is_pattern |= character in "*?["
                word.add(character)
    if quote:
        raise Decline("a quote of the shell's is not closed")
    return words + ([word] if word else [])


def _characters(whole: Template) -> list[str | Hole]:
    characters: list[str | Hole] = []
    for part in whole.parts:
        characters += part.value if isinstance(part, Literal) else [part]
    while characters and isinstance(characters[-1], str) and characters[-1].isspace():
        characters.pop()
    while characters and isinstance(characters[0], str) and characters[0].isspace():
        characters.pop(0)
    return characters


def _check_unquoted(character: str, following: str | Hole, *, is_first: bool) -> None:
    if character in _SYNTAX or character in "\n\r\\":
        shown = {"\n": "a line break", "\r": "a line break"}.get(character, f"`{character}`")
        raise Decline(f"the command needs the shell for {shown}")
    if is_first and character in "~#":
        raise Decline(f"the shell reads `{character}` at the beginning of a word in its own way")
    if character == "{" and following != "}":
        raise Decline("some shells expand braces")


def _value(source: Source, hole: Hole, quote: str) -> Hole:
    """The hole itself; a value that was quoted for the shell is taken out of its quoting."""
    value = hole.value
    if isinstance(value, cst.Call) and source.qualified_name(value.func) in _QUOTERS and len(value.args) == 1:
        if quote or not hole.is_plain:
            raise Decline("a value is quoted for the shell twice")
        return Hole(value.args[0].value)
    if not quote and _may_be_several(value):
        raise Decline(f"`{source.code(value)}` may stand for several arguments")
    return hole


def _check_adjoining(source: Source, word: _Word, hole: Hole) -> None:
    """`cp%s a b` has a value that brings its own space, or nothing; `--a=%s`, `/a/%s` and `a.%s` have one word."""
    if hole.conversion in _NUMBERS or hole.spec[-1:] in _NUMBERS:
        return
    before = word.parts[-1] if word.parts else "/"
    if isinstance(before, Hole) or (before and before[-1].isalnum()):
        raise Decline(f"`{source.code(hole.value)}` may hold arguments of its own")


def _may_be_several(value: cst.BaseExpression) -> bool:
    match value:
        case cst.Call(func=cst.Attribute(value=separator, attr=cst.Name(value="join"))):
            return string_value(separator) is not None  # " ".join(…), not os.path.join
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name.lower().rpartition("_")[2] in _PLURAL
        case cst.SimpleString():
            return len((string_value(value) or "").split()) != 1
        case cst.IfExp() | cst.BooleanOperation():
            return True  # usually an option or nothing
        case _:
            return False


def _check_program(words: Sequence[_Word]) -> None:
    first = words[0].parts if words else []
    if len(first) != 1 or not isinstance(first[0], str) or words[0].is_pattern:
        raise Decline("which program is run is not written as a literal")
    program = first[0]
    if program in _BUILTINS:
        raise Decline(f"`{program}` is a command of the shell itself")
    if "=" in program:
        raise Decline("the command sets an environment variable")


def _pattern(word: _Word, glob: str, quote: str) -> str:
    if len(word.parts) != 1 or not isinstance(word.parts[0], str):
        raise Decline("a wildcard stands next to a value")
    pattern = word.parts[0]
    if pattern.startswith("-"):
        raise Decline("a wildcard stands in an option")
    if not pattern.startswith(("/", "./", "../")):
        pattern = f"./{pattern}"
    return f"*sorted({glob}.glob({quoted(pattern, quote)}))"


def _item(source: Source, word: _Word, quote: str) -> str:
    holes = [p for p in word.parts if isinstance(p, Hole)]
    texts = [p for p in word.parts if isinstance(p, str)]
    if not holes:
        return quoted("".join(texts), quote)
    if not any(texts) and len(holes) == 1 and not holes[0].spec and holes[0].conversion in ("", "s", "d", "i"):
        code = _one_line(source, holes[0].value)
        return code if holes[0].conversion == "" or _is_str(source, holes[0].value) else f"str({code})"
    return f_string(source, word.parts, quote)


def _one_line(source: Source, value: cst.BaseExpression) -> str:
    code = source.code(value)
    if isinstance(value, (cst.Lambda, cst.NamedExpr, cst.Yield, cst.GeneratorExp)) and value.lpar:
        return f"({code})"
    return code


def f_string(source: Source, parts: Sequence[str | Hole], preferred: str = '"') -> str:
    """An f-string that older Pythons read too: no quote or backslash inside a replacement field."""
    fields = [p if isinstance(p, str) else _field(source, p) for p in parts]
    body = "".join(
        shown.replace("{", "{{").replace("}", "}}") if isinstance(part, str) else shown
        for part, shown in zip(parts, fields, strict=True)
    )
    inside = "".join(shown for part, shown in zip(parts, fields, strict=True) if not isinstance(part, str))
    text = "".join(p for p in parts if isinstance(p, str))
    if "\\" in text or not text.isprintable():
        raise Decline("a value cannot be written in an f-string")
    for quote in (preferred, '"', "'"):
        if quote not in inside and quote not in text:
            return f"f{quote}{body}{quote}"
    raise Decline("a value cannot be written in an f-string")


def _field(source: Source, hole: Hole) -> str:
    code = source.code(hole.value)
    if "\\" in code or "\n" in code or "#" in code or code.startswith("{"):
        raise Decline("a value cannot be written in an f-string")
    if isinstance(hole.value, (cst.Lambda, cst.NamedExpr)):
        code = f"({code})"
    letter = hole.conversion
    if letter in ("r", "a") and not hole.spec:
        return f"{{{code}!{letter}}}"
    if letter in ("", "s"):
        return f"{{{code}:{hole.spec}}}" if hole.spec else f"{{{code}}}"
    if letter in _NUMBERS and not set(hole.spec) & set("-# +"):
        return f"{{{code}:{hole.spec}{'d' if letter == 'i' else letter}}}"
    raise Decline("a value is formatted in a way that an f-string writes otherwise")


def _is_str(source: Source, value: cst.BaseExpression) -> bool:
    match value:
        case cst.SimpleString() | cst.FormattedString() | cst.ConcatenatedString():
            return True
        case cst.Call(func=func):
            return source.qualified_name(func) in _STR_CALLS
        case cst.Subscript(value=of):
            return source.qualified_name(of) in ("sys.argv", "os.environ")
        case cst.Name(value=name):
            return _is_annotated_str(source, value, name)
        case _:
            return False


def _is_annotated_str(source: Source, use: cst.Name, name: str) -> bool:
    for ancestor in source.ancestors(use):
        if isinstance(ancestor, cst.FunctionDef):
            params = (*ancestor.params.posonly_params, *ancestor.params.params, *ancestor.params.kwonly_params)
            annotation = next((p.annotation for p in params if p.name.value == name), None)
            rebound = source.binds(ancestor.body, name)
            return annotation is not None and source.code(annotation.annotation) == "str" and not rebound
    return False

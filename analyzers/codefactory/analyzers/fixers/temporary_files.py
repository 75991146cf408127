"""B306: between `tempfile.mktemp` and the opening, somebody else can make the file. → `mkstemp`, in an assignment.

B108: a known path in /tmp can be made by somebody else before. `with open("/tmp/x", "w")` → `NamedTemporaryFile`;
`dir="/tmp"` for a function of tempfile goes away, since that is its default.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import vocabulary
from .nodes import argument, string_value
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

MAKE = "mkstemp"
PATH = "temporary-file"

_NEEDS_NO_FILE = vocabulary("mkfifo mkdir makedirs symlink link rename replace move copytree bind mknod")
"""Functions that make what they are given the path of, or would replace it."""
_TEMPFILE = frozenset(
    f"tempfile.{name}"
    for name in vocabulary("NamedTemporaryFile TemporaryFile SpooledTemporaryFile TemporaryDirectory mkstemp mkdtemp")
)
_PLAIN_NAME = re.compile(r"[\w.\-]+")
_OPEN_KEYWORDS = {"mode", "encoding", "newline", "errors", "buffering"}
"""Arguments of `open` that NamedTemporaryFile has too."""


def _make(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) == "tempfile.mktemp")
    statement = source.statement(call)
    assign = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1 else None
    if (
        not isinstance(statement, cst.SimpleStatementLine)
        or not isinstance(assign, cst.Assign)
        or assign.value is not call
    ):
        raise Decline("mkstemp gives an open file and its name, and here the name alone is used within an expression")
    if len(assign.targets) != 1 or isinstance(assign.targets[0].target, (cst.Tuple, cst.List)):
        raise Decline("the name is assigned to several targets at once")
    target = source.code(assign.targets[0].target)
    maker = _maker_of(source, target)
    if maker:
        raise Decline(f"the name is given to `{maker}`, which wants that there is no such file yet")
    descriptor = _free_name(source)
    os, imports = source.importing("os")
    edits = (
        *imports,
        *source.rename(call.func, "mkstemp"),
        source.insert(source.span(assign).start, f"{descriptor}, "),
        source.add_below(statement, f"{os}.close({descriptor})"),
    )
    note = "The file exists from now on, empty and readable by its owner alone: remove it when it is done with."
    return [Fix("Use tempfile.mkstemp", edits, Safety.REVIEW, MAKE, (note,))]


def _maker_of(source: Source, path: str) -> str:
    for call in source.all(cst.Call):
        function = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        name = function.value if isinstance(function, cst.Name) else ""
        if name in _NEEDS_NO_FILE and any(source.code(arg.value) == path for arg in call.args):
            return name
    return ""


def _free_name(source: Source) -> str:
    used = {name.value for name in source.all(cst.Name)}
    for name in ("fd", "temporary_fd"):
        if name not in used:
            return name
    raise Decline("the names for the open file are taken")


def _path(source: Source, finding: Finding) -> list[Fix]:
    literal = source.find(finding, cst.SimpleString)
    arg = source.parent(literal)
    call = source.parent(arg) if isinstance(arg, cst.Arg) else None
    if isinstance(arg, cst.Arg) and isinstance(call, cst.Call):
        name = source.qualified_name(call.func)
        if name in _TEMPFILE and arg.keyword is not None and arg.keyword.value == "dir":
            return [_default_folder(source, literal, call, arg)]
        if name == "open" and call.args[0] is arg:
            return [_named(source, literal, call)]
    raise Decline(
        "other programs may rely on this path; where none does, tempfile.mkstemp or TemporaryDirectory make one that "
        "nobody can guess"
    )


def _default_folder(source: Source, literal: cst.SimpleString, call: cst.Call, arg: cst.Arg) -> Fix:
    if (string_value(literal) or "").rstrip("/") != "/tmp":  # noqa: S108  (the finding)
        raise Decline("this folder is not the default one: it may have been chosen for its speed, size or lifetime")
    note = "The folder is now the system's: TMPDIR can move it."
    return Fix("Use the default folder", (source.remove_argument(call, arg),), Safety.REVIEW, PATH, (note,))


def _named(source: Source, literal: cst.SimpleString, call: cst.Call) -> Fix:
    path = PurePosixPath(string_value(literal) or "")
    mode = argument(call, "mode", 1)
    if not isinstance(source.parent(call), cst.WithItem) or "w" not in (string_value(mode and mode.value) or ""):
        raise Decline("the file is not written to in a `with` statement of its own")
    if str(path.parent) != "/tmp":  # noqa: S108  (the finding)
        raise Decline("this folder is not the default one: it may have been chosen for its speed, size or lifetime")
    if source.once(_string_counts)[str(path)] > 1:
        raise Decline("the path is used again in this file, which has to find the file")
    if len([a for a in call.args if a.keyword is None]) > 2 or any(
        arg.star or (arg.keyword and arg.keyword.value not in _OPEN_KEYWORDS) for arg in call.args
    ):
        raise Decline("NamedTemporaryFile does not take all of these arguments")
    if mode is None or not _PLAIN_NAME.fullmatch(path.name):
        raise Decline("the file's name cannot be kept as a prefix")
    tempfile, imports = source.importing("tempfile")
    suffix = f', suffix="{path.suffix}"' if path.suffix else ""
    edits = (
        *imports,
        source.replace(call.func, f"{tempfile}.NamedTemporaryFile"),
        source.remove_argument(call, call.args[0]),
        source.add_argument(call, f'prefix="{path.stem}-"{suffix}, delete=False'),
    )
    note = f"The file is another one each time, its path the `name` of the object: nothing finds it as {path} any more."
    return Fix("Use tempfile.NamedTemporaryFile", edits, Safety.REVIEW, PATH, (note,))


def _string_counts(source: Source) -> Counter[str]:
    return Counter(string_value(string) or "" for string in source.all(cst.SimpleString))


FIXERS = (
    Fixer(
        MAKE,
        frozenset({"B306"}),
        _make,
        not_applied="The name is used within an expression, or goes to a function that wants no such file (mkfifo, "
        "mkdir, rename, bind).",
    ),
    Fixer(
        PATH,
        frozenset({"B108"}),
        _path,
        not_applied="The path is anything but the file of a `with open(…, 'w')` in /tmp that is named once, or the "
        "`dir` of a function of tempfile.",
    ),
)

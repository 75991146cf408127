"""B602, B605, B609: a command line for a shell → an argument list without one, where it can be split now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import Span, TextEdit

from .argument_list import ArgumentList, argument_list
from .fixer import Fixer
from .nodes import argument, string_value
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "no-shell"
_TITLE = "Run the program without a shell"
_LEFT = (
    "No shell reads the command any more. bandit still notes that a process is started (B404, B603) and a program "
    "looked up in PATH (B607), with low severity."
)
_NOT_FOUND = "A program that does not exist raises FileNotFoundError; the shell gave status 127."
_SUBPROCESS = frozenset(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen"))
_PYTHON_2 = ("commands.", "popen2.", "os.popen2", "os.popen3", "os.popen4")


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _function(source, c) is not None)
    name = _function(source, call) or ""
    if name.startswith(_PYTHON_2):
        raise Decline(f"`{name}` does not exist in Python 3: use `subprocess.run` with a list of arguments")
    if name in _SUBPROCESS:
        return [_subprocess(source, call)]
    if len(call.args) != 1 or call.args[0].star:
        raise Decline(f"`{name}` is called with more than the command")
    match name:
        case "os.system":
            return [_system(source, call)]
        case "os.popen":
            return [_popen(source, call)]
        case "subprocess.getoutput":
            return [_getoutput(source, call)]
        case _:
            raise Decline(f"`{name}` gives status and output together: use `subprocess.run` and its two attributes")


def _function(source: Source, call: cst.Call) -> str | None:
    name = source.qualified_name(call.func)
    known = ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput")
    return name if name and (name in _SUBPROCESS or name in known or name.startswith(_PYTHON_2)) else None


def _subprocess(source: Source, call: cst.Call) -> Fix:
    shell = argument(call, "shell")
    command = argument(call, "args", 0)
    if shell is None or command is None or any(arg.star for arg in call.args):
        raise Decline("the command or `shell` is given in a way that cannot be followed")
    if not _is_truthy(shell.value):
        raise Decline("whether a shell is used is decided at run time")
    if argument(call, "executable", 2):
        raise Decline("`executable` names the shell")
    off = source.remove_argument(call, shell)
    if isinstance(command.value, (cst.List, cst.Tuple)):
        first = command.value.elements[0].value if command.value.elements else None
        if len((string_value(first) or "").split()) != 1:
            raise Decline("the first element is a whole command line, or not a literal")
        note = "Until now only the first element was run, on Linux and macOS; now the others are its arguments."
        return Fix(_TITLE, (off,), Safety.REVIEW, NAME, (note, _LEFT))
    made = argument_list(source, command.value)
    return _made(made, [source.replace(command.value, made.code), off])


def _made(made: ArgumentList, edits: list[TextEdit], *notes: str) -> Fix:
    return Fix(_TITLE, (*made.edits, *edits), Safety.REVIEW, NAME, (*made.notes, *notes, _NOT_FOUND, _LEFT))


def _run(source: Source, call: cst.Call, options: str) -> tuple[ArgumentList, list[TextEdit]]:
    """`f("a b")` → `subprocess.run(["a", "b"], options)`; `{}` in options is how `subprocess` is called here."""
    made = argument_list(source, call.args[0].value)
    subprocess, imports = source.importing("subprocess")
    edits = [
        *imports,
        source.replace(call.func, f"{subprocess}.run"),
        source.replace(call.args[0].value, made.code),
        source.add_argument(call, options.format(subprocess)),
    ]
    if call.args[0].keyword:
        raise Decline("the command is given by keyword")
    root = call.func
    while isinstance(root, cst.Attribute):
        root = root.value
    if isinstance(root, cst.Name) and root.value != subprocess.split(".")[0]:
        edits += source.without_import(root.value, call)
    return made, edits


def _system(source: Source, call: cst.Call) -> Fix:
    parent = source.parent(call)
    if isinstance(parent, cst.BinaryOperation) or (
        isinstance(parent, cst.Arg) and (source.code(source.parent(parent) or call)).startswith(("os.W", "os.wait"))
    ):
        raise Decline("the wait status that `os.system` gives is taken apart")
    made, edits = _run(source, call, "check=False")
    if isinstance(parent, cst.Expr):
        return _made(made, edits)
    edits.append(source.insert(source.span(call).end, ".returncode"))
    if isinstance(parent, (cst.If, cst.UnaryOperation, cst.BooleanOperation, cst.While, cst.Assert)) or (
        isinstance(parent, cst.Comparison) and source.code(parent).rstrip().endswith(("== 0", "!= 0"))
    ):
        return _made(made, edits)
    return _made(made, edits, "`os.system` gave a wait status (256 for exit code 1); `.returncode` is the exit code.")


def _popen(source: Source, call: cst.Call) -> Fix:
    parent = source.parent(call)
    if isinstance(parent, cst.Expr):
        made, edits = _run(source, call, "stdout={}.DEVNULL, check=False")
        return _made(made, edits, "The call waits for the program; `os.popen` did not.")
    made, edits = _run(source, call, "stdout={}.PIPE, text=True, check=False")
    if isinstance(parent, (cst.For, cst.CompFor)) and parent.iter is call:
        edits.append(source.insert(source.span(call).end, ".stdout.splitlines(keepends=True)"))
        return _made(made, edits, "The lines come when the program has ended.")
    match parent, source.parent(parent or call):
        case cst.Attribute(attr=cst.Name(value=("read" | "readlines") as method)), cst.Call(args=[]) as outer:
            result = ".stdout" if method == "read" else ".stdout.splitlines(keepends=True)"
            edits.append(TextEdit(Span(source.span(call).end, source.span(outer).end), result))
            return _made(made, edits)
        case _:
            pass
    raise Decline("what happens to the pipe cannot be followed")


def _getoutput(source: Source, call: cst.Call) -> Fix:
    made, edits = _run(source, call, "stdout={0}.PIPE, stderr={0}.STDOUT, text=True, check=False")
    if not isinstance(source.parent(call), cst.Expr):
        edits.append(source.insert(source.span(call).end, '.stdout.removesuffix("\\n")'))
    return _made(made, edits)


def _is_truthy(node: cst.BaseExpression) -> bool:
    match node:
        case cst.Name(value="True"):
            return True
        case cst.Integer():
            return node.evaluated_value != 0
        case cst.SimpleString():
            return bool(node.evaluated_value)
        case cst.List(elements=elements) | cst.Dict(elements=elements):
            return bool(elements)
        case _:
            return False


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B602", "B605", "B609"}),
        _fix,
        not_applied="The command needs the shell (pipes, redirections, variables, builtins, several commands), the "
        "program itself is a value, a value may stand for several arguments, or where the string comes from or where "
        "the output goes cannot be followed.",
    ),
)

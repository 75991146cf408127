"""B110, B112: an exception is dropped without a trace. → It is logged, with its traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import Span, TextEdit

from .fixer import Fixer
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "log-exception"
_NOTE = "The exception is still ignored; it leaves a warning with its traceback in the log."


def _fix(source: Source, finding: Finding) -> list[Fix]:
    handler = source.find(finding, cst.ExceptHandler, lambda h: _only_statement(h) is not None)
    statement = _only_statement(handler)
    if statement is None:
        raise Decline("the handler does something else too")
    logger, imports = _logger(source, handler)
    where = _function_name(source, handler)
    message = f"Ignored an exception in {where}" if where else "Ignored an exception"
    log = f'{logger}.warning("{message}", exc_info=True)'
    edits = (*imports, *_edits(source, handler, statement, log))
    return [Fix("Log the exception", edits, Safety.REVIEW, NAME, (_NOTE,))]


def _only_statement(handler: cst.ExceptHandler) -> cst.Pass | cst.Continue | None:
    body = handler.body.body
    if isinstance(handler.body, cst.IndentedBlock):
        line = body[0] if len(body) == 1 else None
        body = line.body if isinstance(line, cst.SimpleStatementLine) else ()
    only = body[0] if len(body) == 1 else None
    return only if isinstance(only, (cst.Pass, cst.Continue)) else None


def _edits(
    source: Source, handler: cst.ExceptHandler, statement: cst.Pass | cst.Continue, log: str
) -> tuple[TextEdit, ...]:
    if isinstance(statement, cst.Pass):
        return (source.replace(statement, log),)
    newline = source.text.newline
    if isinstance(handler.body, cst.IndentedBlock):
        return (source.insert(source.span(statement).start, f"{log}{newline}{source.indentation(statement)}"),)
    # `except E: continue` gets a block.
    start = source.span(statement).start
    colon = len(source.text.line(start.line)[: start.column].rstrip())
    inner = f"{newline}{source.indentation(handler)}{source.module.default_indent}"
    return (TextEdit(Span(type(start)(start.line, colon), start), f"{inner}{log}{inner}"),)


def _logger(source: Source, handler: cst.ExceptHandler) -> tuple[str, tuple[TextEdit, ...]]:
    """The module's own logger where it surely exists by then; else the one of the module's name."""
    at_module_level = not any(isinstance(a, (cst.FunctionDef, cst.Lambda)) for a in source.ancestors(handler))
    for assign in source.all(cst.Assign):
        match assign:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=cst.Call(func=func)):
                pass
            case _:
                continue
        is_logger = source.qualified_name(func) == "logging.getLogger"
        is_global = source.parent(source.statement(assign)) is source.module
        is_before = source.span(assign).start < source.span(handler).start
        if is_logger and is_global and (is_before or not at_module_level) and source.is_bound_once(name):
            return name, ()
    name, imports = source.importing("logging")
    return f"{name}.getLogger(__name__)", imports


def _function_name(source: Source, node: cst.CSTNode) -> str | None:
    for ancestor in source.ancestors(node):
        if isinstance(ancestor, cst.FunctionDef):
            return ancestor.name.value
    return None


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B110", "B112"}),
        _fix,
        not_applied="`logging` is the name of something else in the file.",
    ),
)

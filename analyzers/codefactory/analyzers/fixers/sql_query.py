"""B608: a statement put together from values and executed → placeholders and parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .flow import assignment, scope, statements_between, uses_in
from .nodes import argument, string_value
from .sql_placeholders import Paramstyle, parametrised
from .template import Template, is_simple, outermost, template
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "sql-parameters"
_NOTE = "The database gets the values apart from the statement, each in its own type (a number no longer as text)."

_DRIVERS: dict[str, Paramstyle] = {
    **dict.fromkeys(("sqlite3", "aiosqlite", "apsw", "duckdb", "pyodbc", "mariadb", "ibm_db_dbi"), "qmark"),
    **dict.fromkeys(("psycopg", "psycopg2", "aiopg", "pymysql", "aiomysql", "MySQLdb", "pymssql"), "format"),
    **dict.fromkeys(("mysql.connector", "snowflake.connector", "pg8000", "django.db"), "format"),
    **dict.fromkeys(("oracledb", "cx_Oracle"), "numeric"),
}
"""What each driver takes by default. psycopg and MySQLdb call theirs "pyformat": `%s` with a sequence works."""
_DOUBLE_QUOTED_STRINGS = ("sqlite3", "aiosqlite", "apsw", "pymysql", "aiomysql", "MySQLdb", "mysql.connector")


def _fix(source: Source, finding: Finding) -> list[Fix]:
    root = outermost(source, source.find(finding, cst.BaseString))
    whole = template(source, root)
    call, defined = _execution(source, root)
    if len(call.args) != 1:
        raise Decline("the statement has parameters already: put the value among them")
    style, why = _paramstyle(source, call)
    double_quotes = any(_imports(source, driver) for driver in _DOUBLE_QUOTED_STRINGS)
    made = parametrised(source, whole, style, double_quotes=double_quotes)
    if defined is not None:
        _check_not_changed(source, whole, defined, call)
    values = f"({', '.join(made.values)}{',' if len(made.values) == 1 else ''})"
    edits = (source.replace(root, made.code), source.add_argument(call, values))
    return [Fix("Pass the values as parameters", edits, Safety.REVIEW, NAME, (_NOTE, *why))]


def _execution(source: Source, root: cst.BaseExpression) -> tuple[cst.Call, cst.SimpleStatementLine | None]:
    """The `execute` call the statement goes to, and where it is assigned if it goes there by a local name."""
    parent = source.parent(root)
    if isinstance(parent, cst.Arg):
        call = source.parent(parent)
        if isinstance(call, cst.Call) and _is_execute(call) and argument(call, "", 0) is parent:
            return call, None
        if isinstance(call, cst.Call) and _is_many(call):
            raise Decline("`executemany` runs one statement with many parameters: put the value among them")
    elif isinstance(parent, cst.Assign):
        statement = source.statement(parent)
        target = parent.targets[0].target
        for name in uses_in(source, target.value, scope(source, parent)) if isinstance(target, cst.Name) else ():
            given = source.parent(name)
            call = source.parent(given) if given else None
            if not isinstance(call, cst.Call) or not _is_execute(call) or call.args[0] is not given:
                continue
            if source.span(call).start < source.span(statement).end:
                continue
            found = assignment(source, name)
            if found is None or found.statement is not statement:
                continue
            if not found.is_only_for_this_use:
                raise Decline("the statement is used elsewhere too")
            return call, found.statement
    raise Decline("where the statement is executed cannot be followed from here")


def _is_execute(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "execute"


def _is_many(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value in ("executemany", "executescript")


def _check_not_changed(source: Source, whole: Template, defined: cst.SimpleStatementLine, call: cst.Call) -> None:
    """The values move from the assignment down to the call: they must be the same there."""
    between = statements_between(source, defined, call)
    if not between and source.parent(source.statement(call)) is source.parent(defined):
        return
    for hole in whole.holes:
        root = hole.value
        while isinstance(root, cst.Attribute):
            root = root.value
        if not is_simple(hole.value) or not isinstance(root, cst.Name):
            raise Decline("a value would be computed later than now")
        if any(source.binds(s, root.value) for s in (*between, source.statement(call))):
            raise Decline(f"`{root.value}` may change before the statement is executed")


def _imports(source: Source, module: str) -> bool:
    return module in source.imported_modules or module in source.once(_imported_from)


def _imported_from(source: Source) -> set[str]:
    """Every module and package that `from … import` names, and what it takes from them."""
    names: set[str] = set()
    for binding in (b for bindings in source.bindings.values() for b in bindings):
        parts = binding.qualified.split(".")
        names.update(".".join(parts[: i + 1]) for i in range(len(parts)))
    return names


def _paramstyle(source: Source, call: cst.Call) -> tuple[Paramstyle, tuple[str, ...]]:
    styles: set[Paramstyle] = {style for driver, style in _DRIVERS.items() if _imports(source, driver)}
    elsewhere = source.once(_styles_by_receiver).get(_receiver(source, call), set[Paramstyle]())
    shown = next(iter(elsewhere)) if len(elsewhere) == 1 else None
    if shown is None and _imports(source, "sqlalchemy"):
        raise Decline("SQLAlchemy may stand between the call and the driver: use `text()` with bound parameters")
    if len(styles) == 1 and (shown is None or shown in styles):
        return styles.pop(), ()
    if shown is not None and not styles:
        placeholder = {"qmark": "?", "format": "%s", "numeric": ":1"}[shown]
        receiver = _receiver(source, call)
        return shown, (f"The placeholder is `{placeholder}`, as in other calls of `{receiver}.execute` in this file.",)
    if len(styles) > 1:
        raise Decline("the file imports drivers with different placeholders")
    raise Decline("which placeholder the database's driver takes (`?`, `%s`, `:1`) cannot be seen in this file")


def _styles_by_receiver(source: Source) -> dict[str, set[Paramstyle]]:
    """What calls of `execute` with parameters use, by the object they are made on."""
    styles: dict[str, set[Paramstyle]] = {}
    for call in source.all(cst.Call):
        if not (_is_execute(call) or _is_many(call)) or len(call.args) != 2:
            continue
        statement = string_value(call.args[0].value) or ""
        found = styles.setdefault(_receiver(source, call), set())
        if "%s" in statement:
            found.add("format")
        elif "?" in statement:
            found.add("qmark")
        elif re.search(r":\d", statement):
            found.add("numeric")
    return styles


def _receiver(source: Source, call: cst.Call) -> str:
    return source.code(call.func.value) if isinstance(call.func, cst.Attribute) else ""


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B608"}),
        _fix,
        not_applied="The statement does not go straight into `execute`; a table, column or several values are put in; "
        "there are parameters already; or the file does not show which placeholder the driver takes.",
    ),
)

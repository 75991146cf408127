from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from fixer_tables import check_declined, check_fix, outcome

from codefactory.analyzers import Safety, Text

if TYPE_CHECKING:
    from typing import Any


def execute(arguments: str, driver: str = "sqlite3") -> str:
    return f"import {driver}\ncur.execute({arguments})\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\"SELECT a FROM t WHERE b = '%s'\" % x", '"SELECT a FROM t WHERE b = ?", (x,)'),
        ('"SELECT a FROM t WHERE b = %d AND c = %r" % (x, y)', '"SELECT a FROM t WHERE b = ? AND c = ?", (x, y)'),
        ("\"SELECT a FROM t WHERE b = '{}'\".format(x)", '"SELECT a FROM t WHERE b = ?", (x,)'),
        (
            "\"SELECT a FROM t WHERE b='{0}' OR c='{0}'\".format(x)",
            '"SELECT a FROM t WHERE b=? OR c=?", (x, x)',
        ),
        ("f\"SELECT a FROM t WHERE b = '{x}'\"", '"SELECT a FROM t WHERE b = ?", (x,)'),
        ("f'SELECT a FROM t WHERE b > {x.y} LIMIT {n}'", "'SELECT a FROM t WHERE b > ? LIMIT ?', (x.y, n)"),
        ('"SELECT a FROM t WHERE b = \'" + x + "\'"', '"SELECT a FROM t WHERE b = ?", (x,)'),
        ('"SELECT a FROM t WHERE b = " + str(x)', '"SELECT a FROM t WHERE b = ?", (x,)'),
        ("\"SELECT a FROM t WHERE b = '[X]'\".replace('[X]', x)", '"SELECT a FROM t WHERE b = ?", (x,)'),
        ("f\"SELECT a FROM t WHERE b LIKE '%{x}%'\"", '"SELECT a FROM t WHERE b LIKE ?", (f"%{x}%",)'),
        ("f\"SELECT a FROM t WHERE b = '{x:%Y}'\"", '"SELECT a FROM t WHERE b = ?", (f"{x:%Y}",)'),
        ("f\"INSERT INTO t VALUES ('{x}', 'it''s', {y})\"", "\"INSERT INTO t VALUES (?, 'it''s', ?)\", (x, y)"),
        ('f"INSERT INTO t (a) VALUES ({x}), ({y})"', '"INSERT INTO t (a) VALUES (?), (?)", (x, y)'),
        (
            "f\"UPDATE t SET a='{x}', b={y} WHERE c IN ('{z}')\"",
            '"UPDATE t SET a=?, b=? WHERE c IN (?)", (x, y, z)',
        ),
        ('f"DELETE FROM t WHERE a BETWEEN {x} AND {y}"', '"DELETE FROM t WHERE a BETWEEN ? AND ?", (x, y)'),
        ("'SELECT a FROM t WHERE b = \"%s\"' % x", "'SELECT a FROM t WHERE b = ?', (x,)"),
        (
            '\n    "SELECT a "\n    "FROM t WHERE b = \'%s\'" % x\n',
            '\n    "SELECT a "\n    "FROM t WHERE b = ?", (x,)\n',
        ),
        (
            'f"""\n    SELECT a FROM t\n    WHERE b = \'{x}\'\n"""',
            '"""\n    SELECT a FROM t\n    WHERE b = ?\n""", (x,)',
        ),
    ],
)
def test_values_become_parameters(before: str, after: str) -> None:
    check_fix("B608", execute(before), execute(after), Safety.REVIEW)


@pytest.mark.parametrize(
    ("imports", "placeholders"),
    [
        ("import sqlite3", ("?", "?")),
        ("from psycopg2 import connect", ("%s", "%s")),
        ("import mysql.connector", ("%s", "%s")),
        ("from django.db import connection", ("%s", "%s")),
        ("import oracledb as o", (":1", ":2")),
        ("cur.execute('SELECT 1 WHERE a = ?', (1,))", ("?", "?")),
        ("cur.execute('SELECT 1 WHERE a = %s', (1,))", ("%s", "%s")),
    ],
)
def test_the_placeholder_is_the_drivers(imports: str, placeholders: tuple[str, str]) -> None:
    before = f"{imports}\ncur.execute(\"SELECT a FROM t WHERE b = '%s' AND c = %s\" % (x, y))\n"
    after = f'{imports}\ncur.execute("SELECT a FROM t WHERE b = {placeholders[0]} AND c = {placeholders[1]}", (x, y))\n'
    check_fix("B608", before, after, Safety.REVIEW)


def test_a_percent_sign_is_doubled_where_the_driver_formats() -> None:
    before = execute("f\"SELECT a FROM t WHERE b LIKE '9%' AND c = {x}\"", "psycopg")
    check_fix(
        "B608", before, execute("\"SELECT a FROM t WHERE b LIKE '9%%' AND c = %s\", (x,)", "psycopg"), Safety.REVIEW
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import sqlite3\nq = f'DELETE FROM t WHERE a = {f(x)}'\ncur.execute(q)\n",
            "import sqlite3\nq = 'DELETE FROM t WHERE a = ?'\ncur.execute(q, (f(x),))\n",
        ),
        (
            "import sqlite3\ndef f(x):\n    q = f'DELETE FROM t WHERE a={x}'\n    if x:\n        d.execute(q)\n",
            "import sqlite3\ndef f(x):\n    q = 'DELETE FROM t WHERE a=?'\n    if x:\n        d.execute(q, (x,))\n",
        ),
        (
            "import sqlite3\nq = ('DELETE FROM t '\n     f'WHERE a = {x}')\ncur.execute(q)\n",
            "import sqlite3\nq = ('DELETE FROM t '\n     'WHERE a = ?')\ncur.execute(q, (x,))\n",
        ),
    ],
)
def test_a_statement_is_followed_through_a_local_name(before: str, after: str) -> None:
    check_fix("B608", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (execute('f"SELECT a FROM {x}"'), "no value"),
        (execute('f"SELECT {x} FROM t"'), "no value"),
        (execute('f"SELECT a FROM t ORDER BY {x}"'), "no value"),
        (execute('f"SELECT a FROM t WHERE {x}"'), "no value"),
        (execute('f"SELECT a FROM t WHERE b = {column}"'), "a piece of SQL"),
        (execute('f"SELECT a FROM t WHERE b IN ({x})"').replace("{x}", "{','.join(x)}"), "several values"),
        (execute('"SELECT a FROM t WHERE b = %s" % c.quote_name(x)'), "quoted for SQL already"),
        (execute("\"SELECT a FROM t WHERE b = '%s'\" % escape(x)"), "quoted for SQL already"),
        (execute('f"SELECT a FROM t WHERE b = {x}_c"'), "part of a word"),
        (execute('f"SELECT a FROM t WHERE b = {x}(1)"'), "part of a word"),
        (execute('f"SELECT a FROM t WHERE b = ? AND c = {x}"'), "placeholders already"),
        (execute('f"SELECT a FROM t WHERE b = {x}", (y,)'), "parameters already"),
        (execute('f"SELECT a FROM t WHERE b = \'{x}"'), "not closed"),
        (execute("'SELECT a FROM \"%s\" WHERE b = 1' % x", "psycopg2"), "a name"),
        (execute('f"SELECT a FROM t WHERE b = {x}"', "os"), "cannot be seen"),
        (execute('f"SELECT a FROM t WHERE b = {x}"', "sqlalchemy"), "SQLAlchemy"),
        (execute('f"SELECT a FROM t WHERE b = {x}"', "sqlite3, psycopg2"), "different placeholders"),
        ("import sqlite3\ncur.execute(f'SELECT a FROM t WHERE b = {x}'\n  # why\n  'c')\n", "comment"),
        ("import sqlite3\nq = f'DELETE FROM t WHERE a = {x}'\n", "where the statement is executed"),
        ("import sqlite3\nq = f'DELETE FROM t WHERE a = {x}'\nlog(q)\ncur.execute(q)\n", "used elsewhere"),
        ("import sqlite3\nq = f'DELETE FROM t WHERE a = {x}'\nx = 1\ncur.execute(q)\n", "may change"),
        ("import sqlite3\nq = f'DELETE FROM t WHERE a = {f()}'\ng()\ncur.execute(q)\n", "later than now"),
    ],
)
def test_is_left_alone(source: str, reason: str) -> None:
    check_declined("B608", source, reason)


@pytest.mark.parametrize(
    "statement",
    [
        "f\"SELECT a FROM t WHERE a = {x} OR b = '{y}'\"",
        "\"SELECT b FROM t WHERE b LIKE '%%%s%%' AND a > %d\" % (y[1:3], x - 1)",
        "\"SELECT b FROM t WHERE b IN ('\" + y + \"', 'z') LIMIT \" + str(x)",
    ],
)
def test_the_statement_finds_the_same_rows(statement: str) -> None:
    source = f"import sqlite3\nrows = cur.execute({statement}).fetchall()\n"
    fixed = Text(source).apply(outcome(source, "B608").fixes[0].edits)
    assert "?" in fixed
    results: list[Any] = []
    for code in (source, fixed):
        cur = sqlite3.connect(":memory:").cursor()
        cur.executescript("CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (2, 'word'), (3, 'other'), (4, 'z')")
        names: dict[str, Any] = {"cur": cur, "x": 2, "y": "word"}
        exec(code, names)
        results.append(names["rows"])
    assert results[0] == results[1] != []

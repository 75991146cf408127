"""bandit on a text that may not be saved, inside this process.

bandit has no public API for that, and its command line costs 150 ms for a file. We drive its own visitor and plugins
over an `ast` we parse, and skip nodes for which no plugin is registered: equal findings (tests/analyzers/test_bandit.py
compares with the command line) at about a third of the time. Its import is slow, changes `warnings.formatwarning`, and
its plugins hold the GIL: a language server runs this module in a worker process (`worker.py`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportIncompatibleMethodOverride=false, reportPrivateUsage=false
# ruff: noqa: SLF001
# (bandit carries no type annotations, and what we drive is not its public API)

from __future__ import annotations

import ast
import codecs
import io
import json
import logging
import re
import tokenize
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from .finding import Analysis, Confidence, Finding, Problem, Severity, fingerprinted
from .text import Span, Text, units_to_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .document import Snapshot

NAME = "bandit"
LANGUAGES = frozenset({"python"})

_SEVERITY = {
    "UNDEFINED": Severity.INFO,
    "LOW": Severity.LOW,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
}
_CONFIDENCE = {
    "UNDEFINED": Confidence.LOW,
    "LOW": Confidence.LOW,
    "MEDIUM": Confidence.MEDIUM,
    "HIGH": Confidence.HIGH,
}


@dataclass(frozen=True, slots=True)
class BanditOptions:
    """The project's bandit configuration, as in `[tool.bandit]` or a bandit YAML file."""

    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """`tests` and `skips` (ids), and one table per plugin for its own settings."""
    max_bytes: int = 5_000_000
    """Texts over this size are not scanned: a Problem says so."""


def analyze(snapshot: Snapshot, options: BanditOptions = BanditOptions()) -> Analysis:
    """Scan one text. Raises nothing: whatever goes wrong is a Problem.

    A text that does not parse gives no findings and no problem here: `syntax` and ruff say where it is broken.
    """
    source = snapshot.utf8
    if len(source) > options.max_bytes:
        message = (
            f"bandit did not scan {snapshot.name}: {len(source):,} bytes are over the limit of {options.max_bytes:,}. "
            "Raise `codefactory.bandit.maxBytes` to scan it."
        )
        return Analysis(problems=(Problem(NAME, "too-large", message),))
    try:
        tree = _parse(source)
        if tree is None:
            return Analysis()
        plugins = _plugins(_as_json(options.config))
        issues = _visit(tree, source, snapshot.name, plugins)
    except (RecursionError, MemoryError):
        message = f"bandit did not scan {snapshot.name}: it is nested too deeply for Python's own parser."
        return Analysis(problems=(Problem(NAME, "too-large", message),))
    except ImportError as error:
        message = f"bandit cannot be imported ({error}). Install it where Code Factory runs: `pip install bandit`."
        return Analysis(problems=(Problem(NAME, "missing", message),))
    except _ConfigurationError as error:
        return Analysis(problems=(Problem(NAME, "configuration", f"bandit's configuration is not valid: {error}"),))
    problems = (
        *(
            Problem(NAME, "configuration", f"bandit's configuration names an unknown test: {t}")
            for t in plugins.unknown
        ),
        *(
            Problem(NAME, "crash", f"bandit's plugin {name} failed on {snapshot.name}: {error}")
            for name, error in issues.failures
        ),
    )
    findings = [_finding(issue, node, snapshot.lines) for issue, node in issues.found]
    return Analysis(fingerprinted(findings, snapshot.lines), problems, analyzers=(version(),))


@lru_cache(maxsize=1)
def version() -> str:
    from importlib.metadata import version as distribution_version

    return f"{NAME} {distribution_version('bandit')}"


def warm_up() -> None:
    """Import bandit and load its plugins now, rather than in the first analysis."""
    _plugins(_as_json({}))


def _parse(source: bytes) -> ast.AST | None:
    """None for a text that is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarning about the code under test
        try:
            # As text: bytes would be decoded as a PEP 263 cookie says, and these are UTF-8 whatever it says.
            return ast.parse(source if source.startswith(codecs.BOM_UTF8) else source.decode())
        except (SyntaxError, ValueError):  # ValueError: null bytes
            return None


class _ConfigurationError(Exception):
    pass


@dataclass(slots=True)
class _Issues:
    found: list[tuple[Any, ast.AST | None]]
    failures: list[tuple[str, str]]


def _as_json(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class _Plugins:
    """The plugins of one configuration. bandit keeps a plugin's settings on the plugin itself, one for the whole
    process, so the settings of this configuration are kept here."""

    by_kind: dict[str, list[tuple[Any, tuple[Any, ...]]]]
    """Kind of node → plugins, each with its further arguments: its settings, if it takes any."""
    unknown: tuple[str, ...]
    """Test ids in `tests` or `skips` that no plugin has."""


@lru_cache(maxsize=16)
def _plugins(config_json: str) -> _Plugins:
    """Loading takes 0.1 s the first time."""
    format_warning = warnings.formatwarning
    from bandit.core import config as bandit_config
    from bandit.core import extension_loader, test_set

    warnings.formatwarning = format_warning
    logging.getLogger("bandit").setLevel(logging.CRITICAL)
    settings = json.loads(config_json)
    config = bandit_config.BanditConfig()
    try:
        tests, skips = set(settings.get("tests") or ()), set(settings.get("skips") or ())
        config._config |= settings
        config.validate("pyproject.toml")
        loaded = test_set.BanditTestSet(config, {"include": tests, "exclude": skips}).tests
    except Exception as error:
        raise _ConfigurationError(str(error)) from error
    by_kind = {
        kind: [(plugin, (plugin._config,) if hasattr(plugin, "_config") else ()) for plugin in plugins]
        for kind, plugins in loaded.items()
    }
    unknown = sorted(str(t) for t in tests | skips if not extension_loader.MANAGER.check_id(t))
    return _Plugins(by_kind, tuple(unknown))


def _visit(tree: ast.AST, source: bytes, name: str, plugins: _Plugins) -> _Issues:
    visitor_type = _visitor_type()
    # bandit derives a module name from the path and insists on a folder in it.
    path = name if "/" in name or "\\" in name else f"./{name}"
    visitor = visitor_type(path, source, plugins, _nosec_lines(source))
    visitor.walk(tree)
    return _Issues(visitor.tester.found, visitor.tester.failures)


def _nosec_lines(source: bytes) -> dict[int, set[str] | None]:
    """Line (1-based) → the test ids its `# nosec` names; the empty set means all."""
    if b"nosec" not in source:
        return {}
    from bandit.core import manager

    lines: dict[int, set[str] | None] = {}
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type == tokenize.COMMENT:
                lines[token.start[0]] = manager._parse_nosec_comment(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # it parsed as ast: what was read so far stands, as in bandit itself
    return lines


@lru_cache(maxsize=1)
def _visitor_type() -> Any:
    """The lean visitor, defined on first use so that importing this module does not import bandit."""
    from bandit.core import context as bandit_context
    from bandit.core import metrics as bandit_metrics
    from bandit.core import node_visitor, tester, utils

    class Tester(tester.BanditTester):
        """Runs the plugins without keeping scores, and remembers the node each issue came from."""

        def __init__(self, plugins: _Plugins, nosec_lines: Any, metrics: Any) -> None:
            super().__init__(None, False, nosec_lines, metrics)
            self._by_kind = plugins.by_kind
            self.found: list[tuple[Any, ast.AST | None]] = []
            self.failures: list[tuple[str, str]] = []

        def run_tests(self, raw_context: dict[str, Any], checktype: str) -> None:
            context = bandit_context.Context(raw_context)
            for test, settings in self._by_kind.get(checktype, ()):
                try:
                    result = test(context, *settings)
                except Exception as error:  # noqa: BLE001  (a plugin met code it did not expect)
                    self.failures.append((test.__name__, repr(error)))
                    continue
                if result is not None and not self._silenced(self._completed(result, test, raw_context), raw_context):
                    self.found.append((result, raw_context.get("node")))

        def _completed(self, result: Any, test: Any, raw: dict[str, Any]) -> Any:
            result.fname = raw["filename"]
            if result.lineno is None:
                result.lineno = raw["lineno"]
            if result.linerange == []:
                result.linerange = raw["linerange"]
            if result.col_offset == -1:
                result.col_offset = raw["col_offset"]
            result.end_col_offset = raw.get("end_col_offset", 0)
            if result.test_id == "":
                result.test_id = test._test_id
            return result

        def _silenced(self, result: Any, raw: dict[str, Any]) -> bool:
            if not self.nosec_lines:
                return False
            named = self._get_nosecs_from_contexts(raw, test_result=result)
            return named is not None and (not named or result.test_id in named)

    class Visitor(node_visitor.BanditNodeVisitor):
        """Walks every node, but prepares a context and looks for plugins only where one can apply."""

        def __init__(self, path: str, source: bytes, plugins: _Plugins, nosec_lines: Any) -> None:
            metrics = bandit_metrics.Metrics()
            metrics.begin(path)
            super().__init__(path, io.BytesIO(source), None, None, False, nosec_lines, metrics)
            self.tester = Tester(plugins, nosec_lines, metrics)
            tested = set(plugins.by_kind)
            # These also keep bandit's tables of imports and names, whether or not a plugin wants them.
            self._visited = tested | {"ClassDef", "FunctionDef", "Call", "Import", "ImportFrom"}
            self._last_parent: ast.AST | None = None
            self._last_lines: list[int] = []

        def update_scores(self, scores: Any) -> None:
            pass

        def walk(self, tree: ast.AST) -> None:
            self.generic_visit(tree)
            self.context = {
                "file_data": self.fdata, "filename": self.fname, "lineno": 0, "linerange": [0, 1], "col_offset": 0,
            }  # fmt: skip
            self.tester.run_tests(self.context, "File")

        def generic_visit(self, node: Any) -> None:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    for item, sibling in zip_longest(value, value[1:]):
                        if isinstance(item, ast.AST):
                            self._enter(item, node, sibling)
                elif isinstance(value, ast.AST):
                    self._enter(value, node, None)

        def _enter(self, node: Any, parent: ast.AST, sibling: Any) -> None:
            node._bandit_parent = parent
            node._bandit_sibling = sibling
            kind = node.__class__.__name__
            if kind == "Constant":
                self._constant(node, parent)
            elif kind in self._visited:
                self.pre_visit(node)
                self.visit(node)
            if node._fields:
                self.generic_visit(node)
            if kind in ("FunctionDef", "ClassDef"):
                self.namespace = utils.namespace_path_split(self.namespace)[0]

        def _constant(self, node: Any, parent: ast.AST) -> None:
            kind = "Str" if isinstance(node.value, str) else "Bytes" if isinstance(node.value, bytes) else None
            if kind in self._visited and not isinstance(parent, ast.Expr):
                self.pre_visit(node)
                self.context[kind.lower()] = node.value
                self.context["linerange"] = self._lines_of(parent)
                self.tester.run_tests(self.context, kind)

        def _lines_of(self, parent: ast.AST) -> list[int]:
            """bandit reckons the lines of a literal's parent for each literal in it: quadratic in a long list."""
            if self._last_parent is not parent:
                self._last_parent, self._last_lines = parent, utils.linerange(parent)
            return self._last_lines

        def pre_visit(self, node: Any) -> bool:
            self.context = {
                "imports": self.imports, "import_aliases": self.import_aliases, "node": node,
                "linerange": utils.linerange(node), "filename": self.fname, "file_data": self.fdata,
            }  # fmt: skip
            for name in ("lineno", "col_offset", "end_col_offset"):
                if hasattr(node, name):
                    self.context[name] = getattr(node, name)
            return True

    return Visitor


def _finding(issue: Any, node: ast.AST | None, text: Text) -> Finding:
    return Finding(
        tool=NAME,
        code=issue.test_id,
        message=_message(issue),
        span=_span(issue, node, text),
        severity=_SEVERITY[issue.severity],
        confidence=_CONFIDENCE[issue.confidence],
        url=_url(issue.test_id),
    )


def _span(issue: Any, node: ast.AST | None, text: Text) -> Span:
    """The flagged node's span; for whole-file plugins the place they name."""
    start_line, end_line = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if start_line is not None and end_line is not None:
        start = _column(text, start_line - 1, getattr(node, "col_offset", 0))
        end = _column(text, end_line - 1, getattr(node, "end_col_offset", 0))
        return Span.at(start_line - 1, start, end_line - 1, end)
    line = max(issue.lineno - 1, 0)
    return Span.at(line, max(issue.col_offset, 0), line, len(text.line(line)))


def _column(text: Text, line: int, offset: int) -> int:
    """`ast` counts bytes, and does not count a byte order mark."""
    mark = 3 if line == 0 and text.value.startswith("\ufeff") else 0
    return units_to_columns(text.line(line), offset + mark, "utf-8")


_SECRETS = frozenset({"B105", "B106", "B107"})


def _message(issue: Any) -> str:
    """Without what must not travel: the password that is complained about, and objects' addresses (B202), which would
    make equal findings differ from run to run."""
    if issue.test_id in _SECRETS:
        return issue.text.partition(":")[0]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", issue.text)


@lru_cache(maxsize=256)
def _url(code: str) -> str:
    from bandit.core import docs_utils

    return docs_utils.get_url(code)

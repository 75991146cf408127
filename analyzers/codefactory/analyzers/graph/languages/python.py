"""Python: PEP 328 and 420 imports, stubs, `TYPE_CHECKING`, `importlib.import_module`."""

from __future__ import annotations

import re
import sys
import tomllib
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from codefactory.analyzers.graph.imports import ImportKind, RawImport, collect
from codefactory.analyzers.graph.index import join, split
from codefactory.analyzers.graph.rules import Definition, LanguageRules, Reason, Resolution
from codefactory.analyzers.syntax import load_language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

    from codefactory.analyzers.graph.imports import FileImports
    from codefactory.analyzers.graph.index import FileIndex

_TOKEN = re.compile(rb"#[^\n]*|[^\s,()\\;#]+|,")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")

_BEFORE_IMPORT = re.compile(rb"(?:^|[;:]|\bfrom\b[^;#'\"]*)[\s\\]*$")
_LONG_LINE = 1_000
"""Bytes; what stands on a longer line is left to the parser."""
_NEXT_STATEMENT = re.compile(rb"^(?!(?:else|elif|except|finally)\b)[A-Za-z_@]", re.MULTILINE)
_LEXEME = re.compile(rb"""#[^\n]*|\'\'\'|\"\"\"|'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?|[()\[\]{}]""", re.DOTALL)
_IN_STRING = re.compile(rb"""\\.|\'\'\'|\"\"\"""", re.DOTALL)


class _Kinds:
    """The grammar's numbers for the node kinds that are compared."""

    def __init__(self) -> None:
        language = load_language("python")
        if language is None:
            raise ImportError("the Python grammar is not registered")

        def number(name: str, named: bool = True) -> int:
            found = language.id_for_node_kind(name, named)
            if found is None:
                raise ImportError(f"the Python grammar has no {name}")
            return found

        self.import_word = number("import", named=False)
        self.plain = number("import_statement")
        self.from_ = number("import_from_statement")
        self.module = number("module")
        self.function = frozenset({number("function_definition"), number("lambda")})
        self.branch = frozenset({number("if_statement"), number("elif_clause")})


_kinds = lru_cache(maxsize=1)(_Kinds)


def head(source: bytes) -> int:
    """Up to the first line after the last import that may begin a statement of the module. If that line is inside a
    string or a bracket, the head has an error at its end."""
    at = source.rfind(b"import")
    while at >= 0 and not _may_import(source, at):
        at = source.rfind(b"import", 0, at)
    if at < 0:
        return 0
    below = source.find(b"\n", at) + 1
    following = _NEXT_STATEMENT.search(source, below) if below else None
    return following.start() if following else len(source)


def _may_import(source: bytes, at: int) -> bool:
    """Whether "import" at `at` can be a keyword, or the name of a function that imports. Most in comments and strings
    cannot: the keyword begins a statement or comes after `from`."""
    if source.startswith((b"import_module", b"import__"), at):
        return True
    line_start = source.rfind(b"\n", 0, at) + 1
    return at - line_start > _LONG_LINE or _BEFORE_IMPORT.search(source[line_start:at]) is not None


def ends_well(head: bytes) -> bool:
    depth = at = 0
    while lexeme := _LEXEME.search(head, at):
        text, at = lexeme.group(), lexeme.end()
        if text in (b"'''", b'"""'):
            closing = next((m for m in _IN_STRING.finditer(head, at) if m.group() == text), None)
            if closing is None:
                return False
            at = closing.end()
        elif text in (b"(", b"[", b"{"):
            depth += 1
        elif text in (b")", b"]", b"}"):
            depth -= depth > 0
    return not depth


def extract(tree: Tree, source: bytes, path: str) -> FileImports:
    return collect(_imports(tree, source, path), source)


def _imports(tree: Tree, source: bytes, path: str) -> Iterator[RawImport]:
    kinds = _kinds()
    node_at = tree.root_node.descendant_for_byte_range
    surface = split(path)[1] in ("__init__.py", "__init__.pyi")
    size = len(source)
    at = source.find(b"import")
    while at >= 0:
        end = at + 6
        begins = at == 0 or source[at - 1] not in _WORD
        ends = end == size or source[end] not in _WORD
        if begins and ends:
            node = node_at(at, end)
            statement = node.parent if node is not None and node.kind_id == kinds.import_word else None
            if statement is not None and statement.kind_id in (kinds.plain, kinds.from_):
                kind = _kind(statement, kinds, surface and statement.kind_id == kinds.from_)
                read = _plain if statement.kind_id == kinds.plain else _from
                yield from read(source, statement.start_byte, at, statement.end_byte, kind)
                end = max(end, statement.end_byte)
        elif not ends and source.startswith((b"import_module", b"import__"), at):
            node = node_at(at, end)
            if node is not None and node.type == "identifier":
                yield from _call(node)
        at = source.find(b"import", end)


def _kind(statement: Node, kinds: _Kinds, reexports: bool) -> ImportKind:
    parent = statement.parent
    lazy = False
    inner = statement
    while parent is not None and parent.kind_id != kinds.module:
        if parent.kind_id in kinds.function:
            lazy = True
        elif parent.kind_id in kinds.branch and inner == parent.child_by_field_name("consequence"):
            condition = parent.child_by_field_name("condition")
            text = condition.text if condition is not None else None
            if text and b"TYPE_CHECKING" in text and b"not " not in text and b" or " not in text:
                return ImportKind.TYPE_ONLY
        inner, parent = parent, parent.parent
    if lazy:
        return ImportKind.LAZY
    return ImportKind.REEXPORT if reexports else ImportKind.IMPORT


def _plain(source: bytes, _start: int, word: int, end: int, kind: ImportKind) -> Iterator[RawImport]:
    expected = True
    for token in _TOKEN.finditer(source, word + 6, end):
        text = token.group()
        if text == b",":
            expected = True
        elif expected and text[0] != 35:
            expected = False
            yield RawImport(token.start(), token.end(), text.decode("utf-8", "replace"), "", kind)


def _from(source: bytes, start: int, word: int, end: int, kind: ImportKind) -> Iterator[RawImport]:
    between = source[start + 4 : word]
    module = between.strip(b" \t\r\n\f\\")
    module_start = start + 4 + between.find(module)
    module_end = module_start + len(module)
    name = b"".join(module.replace(b"\\", b"").split()).decode("utf-8", "replace")
    expected = True
    for token in _TOKEN.finditer(source, word + 6, end):
        text = token.group()
        if text == b",":
            expected = True
        elif expected and text[0] != 35:
            expected = False
            taken = text.decode("utf-8", "replace")
            yield RawImport(module_start, module_end, name, taken, kind, token.start(), token.end())


def _call(word: Node) -> Iterator[RawImport]:
    """`importlib.import_module("a.b")`, `import_module(".b", "a")` and `__import__("a.b")`."""
    function = word.parent if word.parent is not None and word.parent.type == "attribute" else word
    call = function.parent
    if call is None or call.type != "call" or call.child_by_field_name("function") != function:
        return
    if word.text not in (b"import_module", b"__import__"):
        return
    arguments = call.child_by_field_name("arguments")
    literals = [_literal(node) for node in arguments.named_children[:2]] if arguments is not None else []
    if not literals or literals[0] is None:
        return
    start, end, module = literals[0]
    anchor = literals[1] if len(literals) > 1 else None
    if module.startswith(".") and anchor is not None:
        rest = module.lstrip(".")
        package = anchor[2].split(".")
        above = len(module) - len(rest) - 1
        module = ".".join([*package[: len(package) - above], rest])
    yield RawImport(start, end, module, "", ImportKind.DYNAMIC)


def _literal(node: Node) -> tuple[int, int, str] | None:
    if node.type != "string" or len(node.named_children) != 3:
        return None
    content = node.named_children[1]
    text = (content.text or b"").decode("utf-8", "replace")
    if content.type != "string_content" or not re.fullmatch(r"[\w.]+", text):
        return None
    return content.start_byte, content.end_byte, text


class PythonResolver:
    """Absolute imports are looked for below each root: those that pyproject.toml and setup.cfg name, the workspace and
    src/, the folder above the importing file's top package, and the file's own folder when it is in no package."""

    def __init__(self, files: FileIndex) -> None:
        self._files = files
        self._roots: tuple[str, ...] | None = None
        self._own_roots: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[tuple[str, ...], str, str], Resolution] = {}

    def forget(self, configuration: bool) -> None:
        self._own_roots.clear()
        self._found.clear()
        self._roots = None  # it depends on the folders too

    def settle(self) -> None:
        self._found.clear()
        self._own_roots.clear()

    def members(self, folder: str) -> tuple[str, ...]:
        return ()

    def resolve(self, path: str, module: str, name: str) -> Resolution:
        folder, _ = split(path)
        if module.startswith("."):
            found = self._relative(folder, module, name)
        else:
            roots = self._own_roots.get(folder)
            if roots is None:
                roots = self._own_roots[folder] = self._roots_for(folder)
            key = (roots, module, name)
            known = self._found.get(key)
            if known is None:
                known = self._found[key] = self._absolute(roots, module, name)
            found = known
            if found.reason in (Reason.EXTERNAL, Reason.NAMESPACE):
                found = self._in_own_package(folder, module, name) or found
        return Resolution(reason=Reason.SELF) if found.target == path else found

    def _relative(self, folder: str, module: str, name: str) -> Resolution:
        rest = module.lstrip(".")
        base = join(folder, "../" * (len(module) - len(rest) - 1))
        if base is None:
            return Resolution(reason=Reason.OUTSIDE)
        if rest:
            base = f"{base}/{rest.replace('.', '/')}" if base else rest.replace(".", "/")
        return self._below(base, name) or self._nothing_at(base)

    def _nothing_at(self, base: str) -> Resolution:
        if self._files.is_folder(base):
            return Resolution(reason=Reason.NAMESPACE)
        return Resolution(reason=Reason.MISSING)

    def _absolute(self, roots: tuple[str, ...], module: str, name: str) -> Resolution:
        path = module.replace(".", "/")
        top = module.partition(".")[0]
        is_standard = top in sys.stdlib_module_names
        for root in roots:
            if is_standard and root not in self._shared_roots():
                continue
            found = self._below(root + path, name)
            if found is not None:
                return found
        if not is_standard and any(self._files.is_folder(root + path) for root in roots):
            return Resolution(reason=Reason.NAMESPACE)
        for root in roots:
            if not is_standard and self._package_file(root + top) is not None:
                return Resolution(reason=Reason.MISSING)
        if is_standard:
            return Resolution(reason=Reason.STANDARD)
        return Resolution(reason=Reason.EXTERNAL)

    def _in_own_package(self, folder: str, module: str, name: str) -> Resolution | None:
        """A namespace package has no file that shows where it begins. If one of the importing file's folders bears the
        name, it begins there."""
        top, _, rest = module.partition(".")
        for parent in _parents(folder):
            if parent.endswith(f"/{top}/") or parent == f"{top}/":
                if self._package_file(parent[:-1]) is not None:
                    continue
                found = self._below((parent + rest.replace(".", "/")).removesuffix("/"), name)
                if found is not None:
                    return found
        return None

    def _below(self, base: str, name: str) -> Resolution | None:
        if name and name != "*":
            found = self._module_file(f"{base}/{name}" if base else name)
            if found is not None:
                return Resolution(found)
        found = self._module_file(base) if base else None
        return Resolution(found) if found is not None else None

    def _module_file(self, base: str) -> str | None:
        return self._package_file(base, ("/__init__.py", ".py", "/__init__.pyi", ".pyi"))

    def _package_file(self, base: str, endings: tuple[str, ...] = ("/__init__.py", "/__init__.pyi")) -> str | None:
        ids = self._files.ids
        for ending in endings:
            if base + ending in ids:
                return base + ending
        return None

    def _shared_roots(self) -> tuple[str, ...]:
        if self._roots is None:
            self._roots = _configured_roots(self._files)
        return self._roots

    def _roots_for(self, folder: str) -> tuple[str, ...]:
        """Roots in the order of search; each "" or ending in "/"."""
        own = folder
        while own and self._package_file(own[:-1]) is not None:
            own = split(own[:-1])[0]
        nearest = [root for root in self._shared_roots() if folder.startswith(root)]
        nearest.sort(key=len, reverse=True)
        return tuple(dict.fromkeys((own, *nearest, *self._shared_roots())))


def _parents(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = split(folder[:-1])[0]


def _configured_roots(files: FileIndex) -> tuple[str, ...]:
    roots: list[str] = []
    for path in sorted(files.configurations, key=lambda p: (p.count("/"), p)):
        folder, file_name = split(path)
        text = files.configuration(path) if file_name in _CONFIGURATIONS else None
        if text is None:
            continue
        names = _roots_of_pyproject(text) if file_name == "pyproject.toml" else _roots_of_setup_cfg(text)
        for name in (*names, "", "src"):
            root = join(folder, name)
            if root is not None and files.is_folder(root):
                roots.append(root + "/" if root else "")
    return tuple(dict.fromkeys((*roots, "", *(["src/"] if files.is_folder("src") else []))))


def _roots_of_pyproject(text: str) -> list[str]:
    try:
        project = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return []
    tool = _table(project, "tool")
    setuptools = _table(tool, "setuptools")
    hatch = _table(tool, "hatch", "build")
    packages = [p for build in (hatch, _table(hatch, "targets", "wheel")) for p in _strings(build.get("packages"))]
    return [
        *_strings(_table(setuptools, "packages", "find").get("where")),
        *_strings(list(_table(setuptools, "package-dir").values())),
        *_strings(hatch.get("dev-mode-dirs")),
        *(p.rstrip("/").rpartition("/")[0] for p in packages),
        *_strings(_table(tool, "hatch", "build", "targets", "wheel").get("sources")),
        *(str(_as_table(p).get("from", "")) for p in _items(_table(tool, "poetry").get("packages"))),
        *_strings(_table(tool, "pdm", "build").get("package-dir")),
        *_strings(_table(tool, "pytest", "ini_options").get("pythonpath")),
        *_strings(_table(tool, "pyright").get("extraPaths")),
        *_strings(_table(tool, "ruff").get("src")),
    ]


def _roots_of_setup_cfg(text: str) -> list[str]:
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except (ConfigParserError, ValueError):
        return []
    where = parser.get("options.packages.find", "where", fallback="").split()
    folders = parser.get("options", "package_dir", fallback="").splitlines()
    return [*where, *(line.partition("=")[2].strip() for line in folders if "=" in line)]


def _table(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        table = _as_table(table.get(key))
    return table


def _as_table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [item for item in _items(value) if isinstance(item, str)]


def is_test(path: str) -> bool:
    name = split(path)[1]
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py" or "tests/" in path


_CONFIGURATIONS = ("pyproject.toml", "setup.cfg")

PYTHON = LanguageRules(
    "python",
    (".py", ".pyi", ".pyw"),
    extract,
    PythonResolver,
    _CONFIGURATIONS,
    head=head,
    ends_well=ends_well,
    definitions={
        "class_definition": Definition("class", container=True),
        "function_definition": Definition("function"),
    },
    members=frozenset({"assignment", "type_alias_statement"}),
    wrappers=frozenset({"decorated_definition"}),
    transparent=frozenset(
        {
            "expression_statement",
            "if_statement",
            "else_clause",
            "elif_clause",
            "try_statement",
            "except_clause",
            "with_statement",
            "block",
        }
    ),
    elision=" ...",
    tests=is_test,
    changes_everything=lambda name: name.startswith("__init__."),  # it says where a package begins
)

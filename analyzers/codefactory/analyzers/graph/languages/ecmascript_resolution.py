"""What a JavaScript or TypeScript import means, as TypeScript's "bundler" mode has it: relative paths, tsconfig's
`paths`, package.json's `exports` and `imports`, workspaces.

https://www.typescriptlang.org/docs/handbook/modules/reference.html, https://nodejs.org/api/packages.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from codefactory.analyzers.graph.index import join, split
from codefactory.analyzers.graph.rules import Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.analyzers.graph.index import FileIndex

_TYPED = (".ts", ".tsx", ".d.ts")
_PLAIN = (".js", ".jsx")
_STAND_INS = {
    ".js": ((".ts", ".tsx", ".d.ts"), (".js", ".jsx")),
    ".jsx": ((".tsx", ".ts", ".d.ts"), (".jsx", ".js")),
    ".mjs": ((".mts", ".d.mts"), (".mjs",)),
    ".cjs": ((".cts", ".d.cts"), (".cjs",)),
    ".ts": ((".ts", ".d.ts"), (".js",)),
    ".tsx": ((".tsx", ".d.ts"), (".jsx", ".js")),
    ".mts": ((".mts", ".d.mts"), (".mjs",)),
    ".cts": ((".cts", ".d.cts"), (".cjs",)),
}
"""An extension as written → what TypeScript looks for in its place, and then in JavaScript."""
_SOURCE_EXTENSIONS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_CONDITIONS = frozenset({"types", "import", "require", "node", "browser", "module", "development", "source", "default"})
_BUILD_FOLDERS = ("dist", "lib", "build", "out", "esm", "cjs", "es")
_NODE_MODULES = frozenset({
    "assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram",
    "diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net",
    "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream", "string_decoder",
    "sys", "timers", "tls", "trace_events", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib",
})  # fmt: skip
_MAX_EXTENDS = 8


class _Config(NamedTuple):
    """What a tsconfig.json says about imports. Folders as keys of `FileIndex.folders`."""

    base: str | None
    paths: tuple[tuple[str, tuple[str, ...]], ...]
    paths_folder: str


class _Package(NamedTuple):
    folder: str
    data: dict[str, Any]


_NO_CONFIG = _Config(None, (), "")


class EcmaScriptResolver:
    def __init__(self, files: FileIndex) -> None:
        self._files = files
        self._configs: dict[str, _Config] = {}
        self._packages: dict[str, list[_Package]] | None = None
        self._package_above: dict[str, _Package | None] = {}
        self._found: dict[tuple[str, str, bool], Resolution] = {}

    def forget(self, configuration: bool) -> None:
        self._found.clear()
        if configuration:
            self._configs.clear()
            self._packages = None
            self._package_above.clear()

    def settle(self) -> None:
        self._found.clear()

    def members(self, folder: str) -> tuple[str, ...]:
        return ()

    def resolve(self, path: str, module: str, name: str) -> Resolution:
        folder = split(path)[0]
        is_script = path.endswith((*_PLAIN, ".mjs", ".cjs"))
        key = (folder, module, is_script)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._resolve(folder, module.partition("?")[0], is_script)
        return Resolution(reason=Reason.SELF) if found.target == path else found

    def _resolve(self, folder: str, module: str, is_script: bool) -> Resolution:
        if module.startswith(("./", "../")) or module in (".", ".."):
            base = join(folder, module)
            if base is None:
                return Resolution(reason=Reason.OUTSIDE)
            must_be_folder = module.endswith(("/", "/..", "/.")) or module in (".", "..")
            found = self._at(base, exact=is_script, folder_only=must_be_folder)
            return Resolution(found) if found else Resolution(reason=_absent(base))
        if module.startswith(("node:", "bun:", "data:", "http:", "https:")):
            return Resolution(reason=Reason.STANDARD if module.startswith(("node:", "bun:")) else Reason.EXTERNAL)
        found = self._by_config(folder, module)
        if found is None and module.startswith("#"):
            package = self._package_of(folder)
            found = self._by_imports(package, module) if package is not None else None
            if found is None:
                return Resolution(reason=Reason.MISSING if package is not None else Reason.EXTERNAL)
        if found is None:
            found = self._by_workspace(folder, module)
        if found:
            return Resolution(found)
        return Resolution(reason=Reason.STANDARD if module.partition("/")[0] in _NODE_MODULES else Reason.EXTERNAL)

    def _at(self, base: str, *, exact: bool = False, folder_only: bool = False) -> str | None:
        """The file that TypeScript takes for `base`; a script's own `./x.js` stays what it is (`exact`)."""
        files = self._files
        if not folder_only:
            if exact and base in files:
                return base
            dot = base.rfind(".")
            stand_ins = _STAND_INS.get(base[dot:]) if dot > base.rfind("/") else None
            for typed in (True, False):
                if stand_ins is not None:
                    found = self._first(base[:dot], stand_ins[0 if typed else 1])
                    if found:
                        return found
                found = self._first(base, _TYPED if typed else _PLAIN) or self._in_folder(base, typed)
                if found:
                    return found
                if typed and base in files and base.endswith(_SOURCE_EXTENSIONS):
                    return base
            return None
        return self._in_folder(base, typed=True) or self._in_folder(base, typed=False)

    def _in_folder(self, base: str, typed: bool) -> str | None:
        prefix = base + "/" if base else ""
        if prefix not in self._files.folders:
            return None
        package = self._package_at(prefix)
        if package is not None and typed:
            for field in ("types", "typings", "main"):
                entry = package.data.get(field)
                target = join(prefix, entry) if isinstance(entry, str) else None
                found = self._at(target) if target and target != base else None
                if found:
                    return found
        return self._first(prefix + "index", _TYPED if typed else _PLAIN)

    def _first(self, base: str, extensions: tuple[str, ...]) -> str | None:
        for extension in extensions:
            if base + extension in self._files:
                return base + extension
        return None

    def _by_config(self, folder: str, module: str) -> str | None:
        config = self._config_for(folder)
        best: tuple[int, tuple[str, ...], str] | None = None
        for pattern, substitutions in config.paths:
            head, star, tail = pattern.partition("*")
            if not star:
                if pattern == module:
                    best = (1 << 30, substitutions, "")
            elif (best is None or len(head) > best[0]) and _fits(module, head, tail):
                best = (len(head), substitutions, module[len(head) : len(module) - len(tail)])
        if best is not None:
            for substitution in best[1]:
                base = join(config.paths_folder, substitution.replace("*", best[2], 1))
                found = self._at(base) if base is not None else None
                if found:
                    return found
        if config.base is not None:
            base = join(config.base, module)
            return self._at(base) if base is not None else None
        return None

    def _config_for(self, folder: str) -> _Config:
        known = self._configs.get(folder)
        if known is None:
            known = _NO_CONFIG
            for name in ("tsconfig.json", "jsconfig.json"):
                if folder + name in self._files.configurations:
                    known = self._read_config(folder + name, 0)
                    break
            else:
                if folder:
                    known = self._config_for(split(folder[:-1])[0])
            self._configs[folder] = known
        return known

    def _read_config(self, path: str, depth: int) -> _Config:
        data = self._json(path)
        folder = split(path)[0]
        options = _table(data.get("compilerOptions"))
        base_url = options.get("baseUrl")
        base = join(folder, base_url) if isinstance(base_url, str) else None
        base_folder = _as_folder(base) if base is not None else None
        paths = _table(options.get("paths"))
        if paths:
            pairs = tuple((p, tuple(_strings(targets))) for p, targets in paths.items())
            return _Config(base_folder, pairs, base_folder if base_folder is not None else folder)
        inherited = _NO_CONFIG
        if depth < _MAX_EXTENDS:
            extends = data.get("extends")
            for parent in reversed(_strings(cast("object", extends)) or [extends]):
                target = self._config_path(folder, parent)
                if target is not None and inherited == _NO_CONFIG:
                    inherited = self._read_config(target, depth + 1)
            if inherited == _NO_CONFIG and not options.get("baseUrl"):
                for reference in _tables(data.get("references")):
                    target = self._config_path(folder, reference.get("path"))
                    if target is not None and split(target)[0] == folder and inherited == _NO_CONFIG:
                        inherited = self._read_config(target, depth + 1)
        return inherited._replace(base=base_folder) if base_folder is not None else inherited

    def _config_path(self, folder: str, written: object) -> str | None:
        if not isinstance(written, str):
            return None
        if not written.startswith("."):
            package, rest = _package_name(written)
            homes = self._workspace().get(package, [])
            candidates = [join(home.folder, rest.removeprefix("/") or "tsconfig.json") for home in homes]
        else:
            candidates = [join(folder, written)]
        for candidate in candidates:
            for path in (candidate, f"{candidate}.json", f"{candidate}/tsconfig.json"):
                if candidate is not None and path in self._files.configurations:
                    return path
        return None

    def _by_workspace(self, folder: str, module: str) -> str | None:
        name, rest = _package_name(module)
        homes = self._workspace().get(name)
        if not homes:
            return None
        for home in sorted(homes, key=lambda p: (-len(_common_folder(p.folder, folder)), p.folder)):
            for target in self._entries(home, "." + rest):
                if target:
                    return target
        return None

    def _entries(self, package: _Package, subpath: str) -> Iterator[str | None]:
        exports = package.data.get("exports")
        if exports is not None:
            table = _table(exports)
            if not any(key.startswith(".") for key in table):
                table = {".": exports}
            for target in _matches(table, subpath):
                yield self._entry(package, target)
        else:
            if subpath == ".":
                for field in ("source", "types", "typings", "module", "main"):
                    value = package.data.get(field)
                    if isinstance(value, str):
                        yield self._entry(package, value)
            base = join(package.folder, subpath)
            yield self._at(base) if base is not None else None
        if subpath == ".":
            yield self._first(package.folder + "src/index", (*_TYPED, *_PLAIN))

    def _entry(self, package: _Package, target: str) -> str | None:
        """A package's entry; where it is a build's output that is not here, the source that it is built from."""
        base = join(package.folder, target)
        if base is None:
            return None
        found = self._at(base)
        if found:
            return found
        parts = base.removeprefix(package.folder).split("/")
        while parts and parts[0] in _BUILD_FOLDERS:
            del parts[0]
        stem = re.sub(r"(\.d)?\.[cm]?[jt]sx?$", "", "/".join(parts))
        return self._at(package.folder + "src/" + stem) or self._at(package.folder + stem)

    def _by_imports(self, package: _Package, module: str) -> str | None:
        for target in _matches(_table(package.data.get("imports")), module):
            found = (
                self._entry(package, target) if target.startswith("./") else self._by_workspace(package.folder, target)
            )
            if found:
                return found
        return None

    def _workspace(self) -> dict[str, list[_Package]]:
        """Packages of this tree by name."""
        if self._packages is None:
            self._packages = {}
            for path in sorted(self._files.configurations):
                folder, name = split(path)
                package = self._package_at(folder) if name == "package.json" else None
                if package is not None and isinstance(package.data.get("name"), str):
                    self._packages.setdefault(package.data["name"], []).append(package)
        return self._packages

    def _package_at(self, folder: str) -> _Package | None:
        path = folder + "package.json"
        if path not in self._files.configurations:
            return None
        if folder not in self._package_above:
            self._package_above[folder] = _Package(folder, self._json(path))
        return self._package_above[folder]

    def _package_of(self, folder: str) -> _Package | None:
        while True:
            package = self._package_at(folder)
            if package is not None or not folder:
                return package
            folder = split(folder[:-1])[0]

    def _json(self, path: str) -> dict[str, Any]:
        text = self._files.configuration(path)
        try:
            return _table(json.loads(_without_comments(text or "")))
        except (ValueError, RecursionError):
            return {}


def _absent(base: str) -> Reason:
    extension = base[base.rfind(".") :] if base.rfind(".") > base.rfind("/") + 1 else ""
    is_asset = extension and extension not in _SOURCE_EXTENSIONS and re.fullmatch(r"\.[a-z0-9]{1,6}", extension)
    return Reason.ASSET if is_asset else Reason.MISSING


def _package_name(module: str) -> tuple[str, str]:
    """ "@scope/name/sub" → ("@scope/name", "/sub")."""
    parts = module.split("/")
    count = 2 if module.startswith("@") else 1
    rest = "/".join(parts[count:])
    return "/".join(parts[:count]), f"/{rest}" if rest else ""


def _matches(table: dict[str, Any], subpath: str) -> Iterator[str]:
    """Targets of an `exports` or `imports` table, the exact key or the longest pattern, in the order of conditions."""
    if subpath in table:
        yield from _targets(table[subpath], "")
        return
    patterns = [key for key in table if "*" in key or key.endswith("/")]
    for key in sorted(patterns, key=lambda k: (-len(k.partition("*")[0]), k)):
        head, _, tail = key.partition("*")
        if _fits(subpath, head, tail):
            star = subpath[len(head) : len(subpath) - len(tail)]
            yield from (t + star if key.endswith("/") else t for t in _targets(table[key], star))
            return


def _fits(text: str, head: str, tail: str) -> bool:
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def _targets(value: Any, star: str, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value.replace("*", star)
    elif isinstance(value, dict) and depth < 8:
        for condition, inner in cast("dict[str, Any]", value).items():
            if condition in _CONDITIONS or condition.startswith(("@", "types@")):
                yield from _targets(inner, star, depth + 1)
    elif isinstance(value, list) and depth < 8:
        for inner in cast("list[Any]", value):
            yield from _targets(inner, star, depth + 1)


_JSON_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*\n|/\*.*?\*/)*[\]}])', re.DOTALL)


def _without_comments(text: str) -> str:
    """tsconfig.json is JSON with comments and trailing commas."""
    return _JSON_TOKEN.sub(lambda m: m[0] if m[0].startswith('"') else " ", text)


def _common_folder(a: str, b: str) -> str:
    while a and not b.startswith(a):
        a = split(a[:-1])[0]
    return a


def _as_folder(path: str) -> str:
    return path + "/" if path else ""


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tables(value: object) -> list[dict[str, Any]]:
    return [_table(item) for item in cast("list[object]", value)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [v for v in cast("list[object]", value) if isinstance(v, str)] if isinstance(value, list) else []

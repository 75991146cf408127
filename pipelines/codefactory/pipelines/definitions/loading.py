"""`load()`: a definition's file or text → a plan, or findings that say why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.errors import PlanError
from codefactory.pipelines.engine.values import is_mapping
from codefactory.pipelines.policy import missing
from codefactory.pipelines.trust import content_hash

from .compiler import MAX_DEPTH, Compiler
from .registry import default_registry
from .source import Source, SourceError, finding, format_of, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codefactory.analyzers.finding import Finding
    from codefactory.pipelines.engine.plan import Plan
    from codefactory.pipelines.policy import AccessPolicy

    from .registry import Registry
    from .source import Format


@dataclass(frozen=True, slots=True)
class Loaded:
    """`plan` is None exactly if a finding is an error (severity high)."""

    plan: Plan | None
    findings: tuple[Finding, ...]
    name: str
    """Of the file, for messages."""
    trusted: bool = False
    """Whether all files that the pipeline is made of are."""
    policy: AccessPolicy | None = None
    """The one it was checked against."""
    files: Mapping[Path, str] = field(default_factory=dict[Path, str])
    """The files it is made of → content hash, as `trust.content_hash`."""

    def unwrap(self) -> Plan:
        """The plan. Raises PlanError that lists what is wrong, a line each, as `file:line:column: …`."""
        if self.plan is not None:
            return self.plan
        raise PlanError("\n".join(located(f, self.name) for f in self.findings), self.findings)


def located(finding: Finding, name: str) -> str:
    """The finding as compilers write it; lines and columns from 1."""
    start = finding.span.start
    return f"{name}:{start.line + 1}:{start.column + 1}: {finding.message} [{finding.code}]"


Trust = Callable[[Path, bytes], bool]
"""Whether a file with this content may run code: `trust.is_trusted`."""


def load(
    path: Path | str,
    *,
    trusted: bool | Trust = False,
    registry: Registry | None = None,
    policy: AccessPolicy | Callable[[bool], AccessPolicy] | None = None,
) -> Loaded:
    """Load a file. Never raises for what the file is or contains.

    `trusted`: whether code may run, said once for the file and all that it contains, or asked of each file. `policy`:
    what steps need and would not get is a finding of medium severity; a function is given whether all files that the
    pipeline is made of are trusted.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return Loaded(None, (finding("unreadable", f"the file cannot be read: {error}."),), str(path))
    trusts = trusted if callable(trusted) else _always(trusted)
    loaded = _compiled(text, format_of(path.name), str(path), path.parent, trusts(path, data), trusts, registry, policy)
    return replace(loaded, files={path.resolve(): content_hash(data), **loaded.files})


def loads(
    text: str,
    format_: Format = "yaml",
    *,
    name: str = "definition",
    folder: Path | None = None,
    trusted: bool = False,
    registry: Registry | None = None,
    policy: AccessPolicy | None = None,
) -> Loaded:
    """Load a text. `folder` is where the files of nested pipelines are looked for; None forbids them."""
    return _compiled(text, format_, name, folder, trusted, _always(trusted), registry, policy)


def _always(trusted: bool) -> Trust:
    def trusts(_path: Path, _data: bytes) -> bool:
        return trusted

    return trusts


def _compiled(
    text: str,
    format_: Format,
    name: str,
    folder: Path | None,
    trusted: bool,
    trusts: Trust,
    registry: Registry | None,
    policy: AccessPolicy | Callable[[bool], AccessPolicy] | None = None,
) -> Loaded:
    try:
        source = parse(text, format_)
    except SourceError as error:
        return Loaded(None, (finding("syntax-error", f"{error}.", error.place),), name)
    around = (Path(name).resolve(),) if folder is not None else ()
    compiler = Compiler(source, registry or default_registry(), trusted, folder, trusts=trusts, around=around)
    plan = compiler.compile()
    trusted = trusted and not compiler.untrusted
    chosen = policy(trusted) if callable(policy) else policy
    if plan is not None and chosen is not None:
        how = "" if trusted or not callable(policy) else _UNTRUSTED
        for lack in missing(plan, chosen):
            compiler.say("not-allowed", f"{lack}{how}.", (*_place_of(lack.step), "type"), severity="medium")
    findings = tuple(sorted(compiler.findings, key=lambda f: f.span))
    return Loaded(plan, findings, name, trusted, chosen, compiler.files)


_UNTRUSTED = "; the definition is not trusted: `codefactory trust` lets it work in its project"


def _place_of(step: str) -> tuple[str | int, ...]:
    """Where the step of that path stands: in the body of the one around it, or as near as there is."""
    first, *inner = step.split("/")
    return ("steps", first, *(part for name in inner for part in ("with", "steps", name)))


def load_source(source: str, *, trusted: bool = False) -> Plan:
    """The plan of a definition that a store has kept. Raises PlanError."""
    return loads(source, "json", name="the kept definition", trusted=trusted).unwrap()


def nested(outer: Compiler, settings: dict[str, Any], place: tuple[str | int, ...]) -> Plan | None:
    """Compile the pipeline that a `pipeline` step names or contains; what is wrong with it is said at the step."""
    if len(outer.around) > MAX_DEPTH:
        outer.say("too-deep", f"pipelines are nested more than {MAX_DEPTH} deep.", place)
        return None
    path: Any = settings.get("path")
    if isinstance(path, str):
        return _from_file(outer, path, (*place, "path"))
    data: Any = settings.get("definition")
    if not is_mapping(data):
        return None
    at = (*place, "definition")
    inside = Source(json.dumps(data), "json", data)
    around = (*outer.around, Path())
    inner = Compiler(inside, outer.registry, outer.trusted, outer.folder, trusts=outer.trusts, around=around)
    inner.untrusted, inner.files = outer.untrusted, outer.files
    plan = inner.compile()
    for found in inner.findings:
        outer.say(found.code, f"in the nested pipeline: {found.message}", at, severity=_level(found))
    return plan


def _from_file(outer: Compiler, name: str, place: tuple[str | int, ...]) -> Plan | None:
    if outer.folder is None:
        outer.say("unreadable", "files of nested pipelines cannot be read from here.", place)
        return None
    root = outer.folder.resolve()
    path = (root / name).resolve()
    if path in outer.around:
        names = " → ".join(p.name for p in (*outer.around[outer.around.index(path) :], path))
        outer.say("invalid-graph", f"pipelines contain each other: {names}.", place)
        return None
    if not path.is_relative_to(root) and not any(path.is_relative_to(p.parent) for p in outer.around[:1]):
        outer.say("unreadable", f"`{name}` is outside of the pipeline's folder.", place)
        return None
    try:
        data = path.read_bytes()
        source = parse(data.decode("utf-8-sig"), format_of(path.name))
    except (OSError, UnicodeDecodeError) as error:
        outer.say("unreadable", f"`{name}` cannot be read: {error}.", place)
        return None
    except SourceError as error:
        outer.say("syntax-error", f"{name}:{error.place[0] + 1}: {error}.", place)
        return None
    around = (*outer.around, path)
    trusted = outer.trusts(path, data)
    outer.files[path] = content_hash(data)
    if not trusted:
        outer.untrusted.append(path)
    inner = Compiler(source, outer.registry, trusted, path.parent, trusts=outer.trusts, around=around)
    inner.untrusted, inner.files = outer.untrusted, outer.files
    plan = inner.compile()
    for found in inner.findings:
        outer.say(found.code, located(found, name), place, severity=_level(found))
    return plan


def _level(found: Finding) -> Any:
    return found.severity.name.lower()

"""B506: `yaml.load` can build any Python object. → `yaml.safe_load`, or `SafeLoader` where a loader is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument, has_star_arguments
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "yaml-safe-load"
_NOTE = "YAML tags that build Python objects (!!python/…) are refused from now on."
_UNSAFE = {f"yaml.{prefix}{name}" for prefix in ("", "C") for name in ("Loader", "UnsafeLoader", "FullLoader")}


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) in ("yaml.load", "yaml.load_all"))
    if has_star_arguments(call):
        raise Decline("the loader may be hidden in * or ** arguments")
    loader = argument(call, "Loader", 1)
    if loader is not None:
        if source.qualified_name(loader.value) not in _UNSAFE:
            raise Decline("the loader is not one of PyYAML's own")
        name, imports = source.importing("yaml")
        c = "C" if source.code(loader.value).split(".")[-1].startswith("C") else ""
        edits = (*imports, source.replace(loader.value, f"{name}.{c}SafeLoader"))
        return [Fix(f"Use yaml.{c}SafeLoader", edits, Safety.REVIEW, NAME, (_NOTE,))]
    if not isinstance(call.func, cst.Attribute):
        raise Decline("`load` was imported by name")
    safe = f"safe_{call.func.attr.value}"
    return [Fix(f"Use yaml.{safe}", (source.replace(call.func.attr, safe),), Safety.REVIEW, NAME, (_NOTE,))]


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B506"}),
        _fix,
        not_applied="The loader is a class of the project's own, or may come from * or ** arguments.",
    ),
)

"""Older versions of the format, brought to the current one, comments kept.

Version 0 is what was written before the format had a version: steps in a list, each with `id`, `uses`, `depends_on`
and `args`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.values import is_list, is_mapping

from .conversion import load_yaml, write_yaml
from .model import VERSION
from .source import SourceError, parse

if TYPE_CHECKING:
    from collections.abc import Callable


def version_of(data: Any) -> int:
    """Of a definition's data; 0 where none is given."""
    version = data.get("version", 0) if is_mapping(data) else 0
    return version if isinstance(version, int) else 0


def migrate(text: str) -> str:
    """A YAML definition of any known version in the current one; the very text if it is that already.

    Raises SourceError for what is no definition of ours.
    """
    source = parse(text, "yaml")
    version = version_of(source.data)
    if version == VERSION:
        return text
    if version > VERSION:
        raise SourceError(f"version {version} is newer than this program knows", source.place(("version",)))
    if not is_mapping(source.data) or "steps" not in source.data:
        raise SourceError("this is no pipeline: it has no `steps`", source.place(()))
    data = load_yaml(text)
    for number in range(version, VERSION):
        MIGRATIONS[number](data)
    return write_yaml(data)


def _from_0(data: Any) -> None:
    from ruamel.yaml.comments import CommentedMap

    data.insert(0, "version", 1)
    if "pipeline" in data:
        data.insert(1, "name", data.pop("pipeline"))
    if not is_list(data["steps"]):
        return
    steps: Any = CommentedMap()
    for position, step in enumerate(data["steps"]):
        name: Any = step.pop("id", f"step{position + 1}")
        for old, new in (("uses", "type"), ("args", "with"), ("depends_on", "needs")):
            if old in step:
                _rename(step, old, new)
        steps[name] = step
        comment = data["steps"].ca.items.get(position)
        if comment and comment[1]:
            steps.yaml_set_comment_before_after_key(
                name, before="".join(c.value for c in comment[1]).strip("# \n"), indent=2
            )
    data["steps"] = steps


def _rename(mapping: Any, old: str, new: str) -> None:
    """In place, with the comment."""
    position = list(mapping).index(old)
    comment = mapping.ca.items.pop(old, None)
    mapping.insert(position, new, mapping.pop(old))
    if comment:
        mapping.ca.items[new] = comment


MIGRATIONS: tuple[Callable[[Any], None], ...] = (_from_0,)
"""Entry i brings version i to i + 1."""

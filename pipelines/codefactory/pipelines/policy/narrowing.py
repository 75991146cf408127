"""`narrowed()`: what two policies both allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access import AccessPolicy
from .patterns import common_hosts, common_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def narrowed(one: AccessPolicy, other: AccessPolicy) -> AccessPolicy:
    """A policy that allows nothing which one of the two does not. Where that cannot be told exactly, less."""
    if one is other or one == other:
        return one
    return AccessPolicy(
        read=common_folders(one.read, other.read),
        write=common_folders(one.write, other.write),
        protected=tuple(dict.fromkeys((*one.protected, *other.protected))),
        hosts=common_hosts(one.hosts, other.hosts),
        private_hosts=common_hosts(one.private_hosts, other.private_hosts),
        commands=tuple(c for c in one.commands if c in other.commands),
        environment=common_names(one.environment, other.environment),
        secrets=common_names(one.secrets, other.secrets),
        step_types=_common(one.step_types, other.step_types),
        models=_common(one.models, other.models),
        sandbox="none" if one.sandbox == other.sandbox == "none" else "required",
        max_file_bytes=min(one.max_file_bytes, other.max_file_bytes),
        max_response_bytes=min(one.max_response_bytes, other.max_response_bytes),
        max_output_bytes=min(one.max_output_bytes, other.max_output_bytes),
        max_usd=_tighter(one.max_usd, other.max_usd),
        max_tokens=_tighter(one.max_tokens, other.max_tokens),
        max_calls=_tighter(one.max_calls, other.max_calls),
        max_seconds=_tighter(one.max_seconds, other.max_seconds),
    )


def common_folders(one: Iterable[Path], other: Iterable[Path]) -> tuple[Path, ...]:
    """The folders that are in both lists, or inside of a folder of the other."""
    found: dict[Path, None] = {}
    others = [(path, path.resolve()) for path in other]
    for folder in one:
        real = folder.resolve()
        for path, real_other in others:
            if real.is_relative_to(real_other):
                found[folder] = None
            elif real_other.is_relative_to(real):
                found[path] = None
    return tuple(found)


def _common(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return common_names(one, other)


def _tighter(one: float | None, other: float | None) -> float | None:
    limits = [limit for limit in (one, other) if limit is not None]
    return min(limits) if limits else None

"""`Settings`: what a user can set, and where it may come from.

Later layers win: defaults, the user's `config.toml`, the workspace's `[tool.codefactory]` in pyproject.toml, then what
the editor or the command line says. A value that is not valid is left out with a Problem that names it; the others
stand. A workspace's file may not set what could run a program, redirect a model, read a secret or raise the bill
(`RESTRICTED`) unless the user has trusted the file: see `trust`. What steps may touch (`policy`) is the user's to say:
every other layer can only narrow it, and where secrets are (`secrets`), no other layer can say.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from codefactory.analyzers import ANALYZERS, Problem, Safety

from . import trust
from .names import snake
from .policy.workspace import PolicySettings
from .role import Role  # noqa: TC001 pydantic reads it
from .secrets.sources import SecretSource  # noqa: TC001 pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from codefactory.analyzers.finding import ProblemKind


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class RuffSettings(_Section):
    path: str | None = Field(
        default=None, description="The ruff executable. Default: the one installed with Code Factory."
    )
    arguments: tuple[str, ...] = Field(default=(), description="More arguments for `ruff check`.")
    timeout_s: float = Field(default=20.0, gt=0, description="Seconds before ruff is stopped.")


class BanditSettings(_Section):
    max_bytes: int = Field(default=5_000_000, gt=0, description="Files larger than this are not scanned.")


class RouteEntry(_Section):
    """One model of a route. A plain name is an entry, too."""

    name: str = Field(description='As in model.name, e.g. "openai/gpt-4o-mini", "editor", "embedded/NAME".')
    max_input_tokens: int | None = Field(default=None, gt=0, description="Longer requests go to the next model.")
    weight: float = Field(default=1.0, ge=0, description='Its share where `choose` is "split".')
    api_base: str | None = Field(default=None, description="As model.apiBase, for this model.")
    api_key_env: str | None = Field(default=None, description="As model.apiKeyEnv, for this model.")


class RouteSettings(_Section):
    """The models for a role, in the order in which they are asked."""

    models: tuple[RouteEntry, ...] = Field(min_length=1)
    choose: Literal["order", "measured", "split"] = Field(
        default="order",
        description="Which one begins: the first; the one with the best record; or one by weight, the same all run.",
    )
    after_refusals: int = Field(
        default=2, ge=1, description="Replies in a row that the gate may refuse before the next model is asked."
    )
    seed: int = Field(default=0, description="Of the choice by record and by weight.")

    @field_validator("models", mode="before")
    @classmethod
    def _named(cls, models: Any) -> Any:
        if not isinstance(models, list | tuple):
            return models
        return [{"name": m} if isinstance(m, str) else m for m in cast("list[Any]", models)]


class LimitSettings(_Section):
    """The rate limit of an endpoint."""

    endpoint: str = Field(description='A provider ("openai"), a model ("openai/gpt-4o"), or an address.')
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)


class ModelSettings(_Section):
    name: str | None = Field(
        default=None,
        description='As litellm writes it, e.g. "openai/gpt-4o-mini"; "embedded/…" and "local/…" run on this machine. '
        'Default: one that is here already; "none": never one.',
    )
    api_base: str | None = Field(default=None, description="Address of an OpenAI-compatible server.")
    api_key: SecretStr | None = Field(
        default=None, description="Prefer the environment or the editor's secret storage."
    )
    api_key_env: str | None = Field(default=None, description="The environment variable that holds the key.")
    timeout_s: float = Field(default=60.0, gt=0, description="Seconds to wait for a model's next words.")
    routes: dict[Role, RouteSettings] = Field(default={}, description="Models by role, in place of model.name.")
    limits: tuple[LimitSettings, ...] = Field(default=(), description="Rate limits.")
    headers: dict[str, SecretStr] = Field(
        default={}, description="More headers for each request, e.g. an organisation's."
    )
    proxy: str | None = Field(
        default=None, description="The proxy on the way to a model; default: what HTTPS_PROXY and NO_PROXY say."
    )
    ca_bundle: Path | None = Field(
        default=None, description="A PEM file of the authorities whose certificates are trusted."
    )
    record: Path | None = Field(
        default=None, description="A file to which conversations are recorded, for `recorded/FILE` to replay."
    )


class PriceSettings(_Section):
    """What a model costs, in US dollars per million tokens."""

    name: str
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0, description="Default: as `input`.")


class PricesSettings(_Section):
    models: tuple[PriceSettings, ...] = Field(default=(), description="They win over the bundled table.")


class CacheSettings(_Section):
    """Replies that are kept, for requests that are the same to the letter and leave nothing to chance."""

    replies: bool = Field(default=True, description="Whether replies are kept.")
    max_mb: float = Field(default=64.0, gt=0, description="Older replies are deleted beyond this.")
    editor: bool = Field(default=False, description="Whether replies of the editor's model are kept, too.")


class LocalSettings(_Section):
    """Models on this machine."""

    discover: bool = Field(default=True, description="Look for model servers on this machine when one is needed.")
    ollama_port: int = Field(default=11434, ge=0, le=65535, description="0: not looked at; so for all ports.")
    lm_studio_port: int = Field(default=1234, ge=0, le=65535)
    llama_cpp_port: int = Field(default=8080, ge=0, le=65535)
    vllm_port: int = Field(default=8000, ge=0, le=65535)
    context_tokens: int = Field(default=8192, ge=512, description="The longest context of an embedded model.")
    max_threads: int | None = Field(default=None, ge=1, description="Of an embedded model; default: the free cores.")
    idle_s: float = Field(default=600.0, gt=0, description="Seconds without use after which its process is ended.")
    host: tuple[str, ...] = Field(
        default=(), description="The program that runs embedded models. Default: xllamacpp in a Python of its own."
    )


class BudgetSettings(_Section):
    """Limits of one repair; and of a day and of a workspace, over all programs of the user."""

    max_rounds: int = Field(default=3, ge=1, le=50)
    max_tokens: int = Field(default=60_000, ge=1)
    max_usd: float | None = Field(default=1.0, ge=0, description="US dollars; null for no limit.")
    max_seconds: float = Field(default=300.0, gt=0)
    max_usd_per_day: float | None = Field(default=10.0, ge=0, description="US dollars; null for no limit.")
    max_tokens_per_day: int | None = Field(default=None, ge=1)
    max_usd_per_workspace: float | None = Field(
        default=None, ge=0, description="US dollars in one workspace, all days together; null for no limit."
    )
    max_tokens_per_workspace: int | None = Field(default=None, ge=1)


class TestSettings(_Section):
    command: tuple[str, ...] = Field(default=(), description="The project's tests; empty: they are not run.")
    timeout_s: float = Field(default=300.0, gt=0)
    sandbox: Literal["auto", "none"] = Field(
        default="auto",
        description='"auto": in bubblewrap where it is, without network and home; "none": with all rights of the user.',
    )


class RepairSettings(_Section):
    allow: Safety = Field(
        default=Safety.REVIEW, description="The fixes `repair` may use: only safe ones, or review too."
    )


class DiagnosticsSettings(_Section):
    enable: tuple[Literal["syntax", "ruff", "bandit"], ...] = Field(
        default=ANALYZERS, description="The analyzers that run."
    )
    minimum_severity: Literal["info", "low", "medium", "high"] = Field(
        default="info", description="Findings below this are not shown."
    )


Level = Literal["off", "hint", "warning"]


class GraphSettings(_Section):
    """The dependency graph of a workspace folder, and what the editor shows of it."""

    unresolved: Level = Field(
        default="hint", description="How imports of the workspace's own files that lead nowhere are shown."
    )
    cycles: Level = Field(default="off", description="How imports that close an import cycle are shown.")
    code_lens: bool = Field(default=True, description='Show "used by N files" at the top of a file.')
    max_files: int = Field(
        default=30_000, ge=0, description="A folder with more source files gets no graph; 0: no folder gets one."
    )


class ContextSettings(_Section):
    max_tokens: int = Field(
        default=2000, ge=0, le=2000, description="Tokens of related files that a model is shown; 0: none."
    )


class Settings(_Section):
    diagnostics: DiagnosticsSettings = DiagnosticsSettings()
    ruff: RuffSettings = RuffSettings()
    bandit: BanditSettings = BanditSettings()
    repair: RepairSettings = RepairSettings()
    model: ModelSettings = ModelSettings()
    local: LocalSettings = LocalSettings()
    budget: BudgetSettings = BudgetSettings()
    prices: PricesSettings = PricesSettings()
    cache: CacheSettings = CacheSettings()
    tests: TestSettings = TestSettings()
    graph: GraphSettings = GraphSettings()
    context: ContextSettings = ContextSettings()
    policy: PolicySettings = PolicySettings()
    narrowing: PolicySettings = PolicySettings()
    """What layers other than the user's say of `policy`: it can only take away."""
    secrets: dict[str, SecretSource] = {}


RESTRICTED = frozenset(
    {
        "ruff.path",
        "ruff.arguments",
        "model",
        "local",
        "tests.command",
        "tests.sandbox",
        "prices",
        "cache",
        "budget.max_usd",
        "budget.max_tokens",
        "budget.max_usd_per_day",
        "budget.max_tokens_per_day",
        "budget.max_usd_per_workspace",
        "budget.max_tokens_per_workspace",
    }
)
"""Settings that a workspace's file may give only once it is trusted."""
USER_ONLY = frozenset({"secrets"})
"""Settings that only the user's own layers may give, whatever is trusted."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place. Keys in snake_case, camelCase or kebab-case."""

    origin: str
    """Named in problems: "pyproject.toml", "editor settings", "command line"."""
    values: Mapping[str, Any]
    restricted: bool = False
    """Whether RESTRICTED settings are ignored."""
    user: bool = False
    """Whether the user alone can have written it: it may widen the policy and say where secrets are."""


def resolve(layers: Iterable[Layer]) -> tuple[Settings, tuple[Problem, ...]]:
    """Merge layers, later ones winning key by key. What is not valid or not allowed is left out with a Problem."""
    merged: dict[str, Any] = {}
    problems: list[Problem] = []
    for layer in layers:
        for section, keys in _snake(layer.values).items():
            if not isinstance(keys, dict):
                problems.append(_problem(layer, section, "is not a table of settings"))
                continue
            for key, value in keys.items():  # pyright: ignore[reportUnknownVariableType]
                if refused := _refused(layer, section, str(key), value):  # pyright: ignore[reportUnknownArgumentType]
                    problems.append(refused)
                elif section == "policy" and not layer.user:
                    problems += _narrow(merged.setdefault("narrowing", {}), layer, str(key), value)  # pyright: ignore[reportUnknownArgumentType]
                else:
                    merged.setdefault(section, {})[key] = value
    return Settings.model_validate(merged), tuple(problems)


def user_file() -> Path:
    """The user's own `config.toml`, in the folder their system keeps configuration in."""
    return Path(platformdirs.user_config_dir("codefactory")) / "config.toml"


def user_layer() -> tuple[Layer, tuple[Problem, ...]]:
    """What the user's own file says."""
    layer, problems = _toml_layer(user_file(), ())
    return replace(layer, user=True), problems


def workspace_layer(root: Path) -> tuple[Layer, tuple[Problem, ...]]:
    """`[tool.codefactory]` of the workspace's pyproject.toml; restricted unless the user has trusted the file."""
    return _toml_layer(root / "pyproject.toml", ("tool", "codefactory"), restricted=True)


def _toml_layer(path: Path, table: tuple[str, ...], *, restricted: bool = False) -> tuple[Layer, tuple[Problem, ...]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Layer(str(path), {}), ()
    except OSError as error:
        return Layer(str(path), {}), (Problem("settings", "configuration", f"{path} cannot be read: {error}"),)
    try:
        values = _table(tomllib.loads(data.decode("utf-8")), table)
    except ValueError as error:
        return Layer(str(path), {}), (Problem("settings", "configuration", f"{path} is not valid: {error}"),)
    return Layer(str(path), values, restricted and not trust.is_trusted(path, data)), ()


def _table(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The nested table of that name, empty where there is none. Raises ValueError when it is no table."""
    for name in names:
        inner: Any = values.get(name, {})
        if not isinstance(inner, dict):
            raise ValueError(f"[{'.'.join(names)}] is not a table")
        values = cast("dict[str, Any]", inner)
    return values


def _snake(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        snake(str(key)): (
            _snake(value) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]
        )
        for key, value in values.items()
    }


def _refused(layer: Layer, section: str, key: str, value: Any) -> Problem | None:
    if layer.restricted and not RESTRICTED.isdisjoint((section, f"{section}.{key}")):
        return _problem(
            layer,
            f"{section}.{key}",
            "is ignored until you trust this file: run `codefactory trust` in its folder",
            "untrusted",
        )
    if section in USER_ONLY and not layer.user:
        return _problem(layer, f"{section}.{key}", "can only be set in your own config.toml", "untrusted")
    try:
        Settings.model_validate({section: {key: value}})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "extra_forbidden":
            return _problem(layer, f"{section}.{key}", f"is not a setting{_did_you_mean(section, key)}")
        inside = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in first["loc"][2:])
        return _problem(layer, f"{section}.{key}{inside}", f"is not valid: {first['msg']}")
    return None


def _narrow(narrowing: dict[str, Any], layer: Layer, key: str, value: Any) -> Iterator[Problem]:
    """Take up what a layer that may only narrow says, so that two such layers do not undo each other."""
    if (key, value) == ("sandbox", "none"):
        yield _problem(layer, "policy.sandbox", "can only be set to none in your own config.toml", "untrusted")
    elif key not in narrowing or value == narrowing[key]:
        narrowing[key] = value
    elif isinstance(value, list):
        earlier: list[Any] = narrowing[key]
        later = cast("list[Any]", value)
        narrowing[key] = [*earlier, *later] if key == "protected" else [v for v in later if v in earlier]
    elif isinstance(value, (int, float)):
        narrowing[key] = min(value, narrowing[key])


def _problem(layer: Layer, name: str, text: str, kind: ProblemKind = "configuration") -> Problem:
    return Problem("settings", kind, f"{layer.origin}: `{name}` {text}.")


def _did_you_mean(section: str, key: str) -> str:
    sections = Settings.model_fields
    known = [f"{s}.{k}" for s, f in sections.items() for k in getattr(f.default.__class__, "model_fields", ())]
    close = difflib.get_close_matches(f"{section}.{key}", known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""

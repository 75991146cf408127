"""A definition's model becomes a plan. Everything that can be known to be wrong is said before anything runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from codefactory.pipelines.engine.assembly import Draft, assemble, did_you_mean
from codefactory.pipelines.engine.budget import Budget
from codefactory.pipelines.engine.channel import REDUCERS, Channel
from codefactory.pipelines.engine.errors import PlanError
from codefactory.pipelines.engine.values import is_mapping
from codefactory.pipelines.secrets.references import names_in

from .expression import (
    BODY_ROOTS,
    ROOTS,
    Expression,
    ExpressionError,
    Reference,
    compile_condition,
    compile_value,
    is_template,
)
from .model import VERSION, PipelineModel, StepModel
from .parts import Where, deferred_of, digest, input_of, normalised, outputs_of, policy_of, texts
from .step_call import StepCall, step_call
from .validation import findings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from codefactory.analyzers.finding import Finding
    from codefactory.pipelines.engine.plan import Plan

    from .registry import Registry, StepType
    from .source import Level, Source

MAX_DEPTH = 20
"""Pipelines in pipelines, and bodies in bodies."""


@dataclass(slots=True)
class Known:
    """The names that expressions may use at a place, and the steps of the bodies around it."""

    inputs: Sequence[str]
    channels: Sequence[str]
    steps: Mapping[str, StepModel]
    locals: frozenset[str] = frozenset()
    outer: Known | None = None

    def step_names(self) -> list[str]:
        return [*self.steps, *(self.outer.step_names() if self.outer is not None else [])]


@dataclass(slots=True)
class Compiler:
    """One definition. `findings` fills up; a plan is made only if none of them is an error."""

    source: Source
    registry: Registry
    trusted: bool
    """Whether this definition may run code."""
    folder: Path | None
    """Where nested pipelines' files are looked for; None: nowhere."""
    findings: list[Finding] = field(default_factory=list["Finding"])
    trusts: Callable[[Path, bytes], bool] = lambda _path, _data: False
    """Whether a nested file may: each is trusted by its own content."""
    around: tuple[Path, ...] = ()
    """The files that this one is nested in."""
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    untrusted: list[Path] = field(default_factory=list["Path"])
    """The nested files that are not trusted."""
    files: dict[Path, str] = field(default_factory=dict["Path", str])
    """The files that the pipeline is made of, and the hashes of what was read of them."""

    def say(self, code: str, message: str, where: Where, *, key: bool = False, severity: Level = "high") -> None:
        self.findings.append(self.source.finding(code, message, where, key=key, severity=severity))

    @property
    def failed(self) -> bool:
        return any(f.severity.name == "HIGH" for f in self.findings)

    def compile(self) -> Plan | None:
        """The plan, or None with the reasons in `findings`."""
        data = self.source.data
        if not is_mapping(data):
            self.say("not-a-pipeline", "a pipeline is a mapping with `version`, `name` and `steps`.", ())
            return None
        if self._foreign_version(data):
            return None
        try:
            model = PipelineModel.model_validate(data)
        except ValidationError as error:
            self.findings += findings_of(error, self.source, PipelineModel)
            return None
        return self.pipeline(model)

    def _foreign_version(self, data: dict[str, Any]) -> bool:
        if "workflow" in data and "steps" not in data:
            self.say(
                "foreign-format",
                "this pipeline is in the format of another program; `codefactory pipelines convert` imports it.",
                ("workflow",),
                key=True,
            )
            return True
        version = data.get("version")
        if version == VERSION:
            return False
        if isinstance(version, int) and version > VERSION:
            self.say("newer-format", f"the format's version {version} is newer than this program knows.", ("version",))
        else:
            what = "has no `version`" if version is None else f"is of version {version}"
            self.say(
                "older-format", f"the definition {what}; `codefactory pipelines migrate` brings it to 1.", ("version",)
            )
        return True

    def pipeline(self, model: PipelineModel) -> Plan | None:
        self.channels = {n: Channel(n, REDUCERS[c.reducer], c.initial) for n, c in model.channels.items()}
        known = Known(list(model.inputs), list(model.channels), model.steps)
        drafts, _ = self.steps(model.steps, ("steps",), known)
        outputs = {name: self.value(v, ("outputs", name), known)[0] for name, v in model.outputs.items()}
        if self.failed:
            return None
        source = normalised(self.source.data, drafts)
        try:
            return assemble(
                model.name,
                drafts,
                inputs={n: input_of(n, m) for n, m in model.inputs.items()},
                channels=self.channels,
                outputs=(lambda _index_of: outputs_of(outputs)) if outputs else None,
                budget=Budget(**model.budget.model_dump()) if model.budget is not None else None,
                concurrency=model.concurrency,
                source=source,
                version=self._version(source, drafts),
            )
        except PlanError as error:
            self.say("invalid-graph", f"{error}.", self._place_of(str(error), model))
            return None

    def _place_of(self, message: str, model: PipelineModel) -> Where:
        """The step that a message of `assemble` is about: the first it names."""
        named = [(message.index(n), n) for n in model.steps if f"`{n}`" in message or f" {n} " in f" {message} "]
        return ("steps", min(named)[1]) if named else ("steps",)

    def _version(self, source: str, drafts: list[Draft]) -> str:
        types = sorted({f"{d.type}:{d.version.partition(':')[0]}" for d in drafts})
        return hashlib.sha256(json.dumps([source, types]).encode()).hexdigest()[:16]

    def steps(
        self, models: Mapping[str, StepModel], where: Where, known: Known, depth: int = 0
    ) -> tuple[list[Draft], dict[str, None]]:
        """The drafts of one level, and the steps of outer levels that they read."""
        drafts: list[Draft] = []
        outer: dict[str, None] = {}
        for name, model in models.items():
            draft, used = self.step(name, model, (*where, name), known, depth)
            outer |= used
            if draft is not None:
                drafts.append(draft)
        return drafts, outer

    def step(
        self, name: str, model: StepModel, where: Where, known: Known, depth: int
    ) -> tuple[Draft | None, dict[str, None]]:
        step_type = self.registry.find(model.type)
        if step_type is None:
            message = f"`{model.type}` is no type of step{self.registry.hint(model.type)}."
            self.say("unknown-type", message, (*where, "type"))
            return None, {}
        if step_type.trusted and not self.trusted:
            message = f"`{model.type}` steps run code, so the definition must be trusted first: `codefactory trust`."
            self.say("untrusted", message, (*where, "type"))
        needs, outer = dict.fromkeys(model.needs), dict[str, None]()
        for i, need in enumerate(model.needs):
            if need not in known.steps:
                hint = did_you_mean(need, [n for n in known.steps if n != name])
                self.say("unknown-step", f"`{need}` is no step{hint}.", (*where, "needs", i))
        if "asks" in step_type.effects and model.cache is not None:
            self.say("invalid-value", "an answer is not kept for other runs.", (*where, "cache"), key=True)
        call = StepCall(step_type)
        references = self._settings(call, model, where, known, depth)
        if model.when is not None:
            call.when, used = self.value(model.when, (*where, "when"), known, condition=True)
            references |= used
        for reference in sorted(references, key=str):
            if reference.root == "steps" and reference.name == name:
                self.say("invalid-graph", f"`{name}` reads its own output.", where, key=True)
            self._depend(reference, name, known, needs, outer)
        self._channels_known(model, where)
        draft = Draft(
            name,
            lambda index_of, step: step_call(call, index_of, step),
            needs,
            policy_of(model),
            model.type,
            f"{step_type.version}:{digest(model)}",
            writes=tuple(model.writes),
            output_type=step_type.output_type,
            body=call.body,
            deferred={key: deferred_of(e) for key, e in call.deferred.items()},
            effects=_effects(step_type, model),
            secrets=frozenset(names_in({k: v for k, v in model.with_.items() if k not in ("steps", "definition")})),
        )
        return draft, outer

    def _depend(
        self, reference: Reference, name: str, known: Known, needs: dict[str, None], outer: dict[str, None]
    ) -> None:
        """Make what is read a need: of this step, or of the step whose body it is in."""
        if reference.root != "steps" or reference.name is None:
            return
        if reference.name in known.steps:
            if reference.name != name:
                needs[reference.name] = None
        else:
            outer[reference.name] = None

    def _channels_known(self, model: StepModel, where: Where) -> None:
        for i, channel in enumerate(model.writes):
            if channel not in self.channels:
                hint = did_you_mean(channel, list(self.channels))
                self.say("unknown-channel", f"`{channel}` is no channel{hint}.", (*where, "writes", i))

    def value(
        self, value: Any, where: Where, known: Known, *, condition: bool = False
    ) -> tuple[Expression, set[Reference]]:
        """Compile a value and check what it refers to."""
        try:
            expression = compile_condition(value) if condition else compile_value(value)
        except ExpressionError as error:
            self.say("invalid-expression", f"{error}.", self._culprit(value, where, condition))
            return compile_value(None), set()
        for reference in sorted(expression.references, key=str):
            self._check(reference, self._holder(value, where, str(reference.root), reference), known)
        return expression, set(expression.references)

    def _culprit(self, value: Any, where: Where, condition: bool) -> Where:
        """The text inside of a value that does not compile."""
        for path, text in texts(value, where):
            try:
                compile_condition(text) if condition else compile_value(text)
            except ExpressionError:
                return path
        return where

    def _holder(self, value: Any, where: Where, root: str, reference: Reference) -> Where:
        """The text inside of a value that holds a reference."""
        wanted = reference.name or root
        return next((path for path, text in texts(value, where) if wanted in text and root in text), where)

    def _check(self, reference: Reference, where: Where, known: Known) -> None:
        root, name = reference.root, reference.name
        allowed: list[str] = [r for r in ROOTS if r not in BODY_ROOTS or r in known.locals]
        if root not in allowed:
            extra = " inside of a map or loop only" if root in BODY_ROOTS else ""
            hint = f": it is known{extra}" if extra else did_you_mean(root, allowed)
            self.say("unknown-name", f"`{root}` is not known here{hint}.", where)
            return
        if root in BODY_ROOTS or root == "run":
            return
        names = {"inputs": list(known.inputs), "channels": list(known.channels), "steps": known.step_names()}[root]
        code = {"inputs": "unknown-input", "channels": "unknown-channel", "steps": "unknown-step"}[root]
        if name is None:
            if root == "steps":
                self.say("unknown-step", "`steps` needs the name of a step, as in `steps.NAME.output`.", where)
            return
        if name not in names:
            kind = root.removesuffix("s")
            self.say(code, f"`{root}.{name}` names no {kind}{did_you_mean(name, names)}.", where)
        elif root == "steps" and reference.attribute not in ("output", "skipped"):
            hint = f"`steps.{name}.output` or `steps.{name}.skipped`"
            self.say("unknown-name", f"of a step, there is {hint}.", where)

    def _settings(self, call: StepCall, model: StepModel, where: Where, known: Known, depth: int) -> set[Reference]:
        """Compile what stands under `with`. What it reads, body included."""
        step_type, place = call.step_type, (*where, "with")
        settings = dict(model.with_)
        references: set[Reference] = set()
        later: dict[str, Any] = {}
        body_steps = settings.pop("steps", None) if step_type.body else None
        for key in step_type.deferred & settings.keys():
            later[key] = settings.pop(key)
        for key, value in settings.items():
            if key in step_type.verbatim:
                call.settings[key] = Expression(value, frozenset(), lambda _names, v=value: v, constant=True)
                continue
            expression, used = self.value(value, (*place, key), known)
            call.settings[key] = expression
            references |= used
        self._validate(call, {**settings, **later} | ({"steps": body_steps} if body_steps is not None else {}), place)
        if step_type.body:
            references |= self._body(call, body_steps, later, place, known, depth)
        elif step_type.name == "pipeline":
            self._nested(call, settings, place)
        return references

    def _validate(self, call: StepCall, settings: dict[str, Any], place: Where) -> None:
        """Check settings that are known now; what expressions give is checked when the step runs."""
        step_type = call.step_type
        given = texts({k: v for k, v in settings.items() if k != "steps" and k not in step_type.verbatim}, place)
        open_places = {path[len(place) :] for path, text in given if is_template(text)}
        open_places |= {(key,) for key in step_type.deferred}

        def filled_later(at: tuple[Any, ...]) -> bool:
            return any(at[: len(p)] == p or p[: len(at)] == at for p in open_places if at)

        try:
            validated = step_type.config.model_validate(settings)
            if not open_places and not step_type.body:
                call.fixed = validated
        except ValidationError as error:
            self.findings += findings_of(error, self.source, step_type.config, place, filled_later)
        for key, message in step_type.problems(settings) if step_type.problems is not None else ():
            self.say(
                "invalid-value", f"{message}.", (*place, key) if key in settings else place, key=key not in settings
            )

    def _body(
        self, call: StepCall, steps: Any, later: dict[str, Any], place: Where, known: Known, depth: int
    ) -> set[Reference]:
        if depth >= MAX_DEPTH:
            self.say("too-deep", f"bodies are nested more than {MAX_DEPTH} deep.", place)
            return set()
        if not is_mapping(steps):
            return set()
        models: dict[str, StepModel] = {}
        for name, data in steps.items():
            try:
                models[str(name)] = StepModel.model_validate(data)
            except ValidationError:
                continue
        if len(models) < len(steps):
            return set()
        inner = Known(known.inputs, known.channels, models, known.locals | frozenset(BODY_ROOTS), known)
        drafts, outer = self.steps(models, (*place, "steps"), inner, depth + 1)
        references = {Reference("steps", name, "output") for name in outer}
        for key, value in later.items():
            condition = key in ("while", "until")
            call.deferred[key], used = self.value(value, (*place, key), inner, condition=condition)
            references |= {r for r in used if r.root == "steps" and r.name not in models}
        if not self.failed:
            try:
                call.body = assemble("body", drafts, channels=self.channels)
            except PlanError as error:
                self.say("invalid-graph", f"{error}.", (*place, "steps"))
        return references

    def _nested(self, call: StepCall, settings: dict[str, Any], place: Where) -> None:
        from .loading import nested

        call.body = nested(self, settings, place)
        if call.body is None:
            return
        given = settings.get("inputs", {})
        if is_mapping(given):
            for name in given:
                if name not in call.body.inputs:
                    hint = did_you_mean(str(name), list(call.body.inputs))
                    self.say(
                        "unknown-input", f"`{name}` is no input of it{hint}.", (*place, "inputs", str(name)), key=True
                    )
            for name, spec in call.body.inputs.items():
                if spec.required and name not in given:
                    self.say("missing-key", f"its input `{name}` is missing.", (*place, "inputs"))


def _effects(step_type: StepType, model: StepModel) -> frozenset[str]:
    """Never more than the type declares: what a step is checked for must be what its type is known for."""
    if step_type.effects_of is None:
        return frozenset(step_type.effects)
    return frozenset(step_type.effects_of(dict(model.with_)) & step_type.effects)

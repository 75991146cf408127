"""The definition format, `version: 1`, as one tree of pydantic models. The JSON Schema for editors is made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from codefactory.pipelines.engine.errors import Category  # noqa: TC001 pydantic reads it

VERSION = 1

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
"""Of steps, inputs and channels: a word that expressions can name."""

InputType = Literal["any", "string", "integer", "number", "boolean", "array", "object"]
PYTHON_TYPES: dict[str, Any] = {
    "any": None,
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


class Strict(BaseModel):
    """Base of everything in a definition: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


class InputModel(Strict):
    """An input of the pipeline."""

    type: InputType = Field(default="any", description="The JSON type of the value.")
    description: str = Field(default="", description="What the input means, for whoever runs the pipeline.")
    default: Any = Field(default=None, description="Taken when the input is not given. Without one it must be given.")
    choices: list[Any] = Field(default=[], description="If given, the value must be one of these.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """`topic: string` for `topic: {type: string}`."""
        return {"type": data} if isinstance(data, str) else {} if data is None else data

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set


class ChannelModel(Strict):
    """A named piece of run state that several steps write to."""

    reducer: Literal["append", "extend", "merge", "last", "sum"] = Field(
        default="last", description="How a write combines with what is there."
    )
    initial: Any = Field(default=None, description="The value before any write.")


class RetryModel(Strict):
    """Try again after failures that may pass, waiting longer each time, at random up to a bound."""

    attempts: int = Field(default=3, ge=1, le=100, description="All attempts, the first included.", examples=[3])
    on: list[Category] = Field(
        default=["transient", "rate_limited", "timeout"], description="The kinds of failure that are tried again."
    )
    base_s: float = Field(default=0.5, ge=0, description="Bound of the first wait, in seconds; doubles each time.")
    cap_s: float = Field(default=30.0, ge=0, description="The longest wait, in seconds.")


class OnErrorModel(Strict):
    """What takes the place of the output when the step has failed for good. Without it, the run fails."""

    default: Any = Field(default=None, description="This value becomes the output.")
    fallback: Name | None = Field(default=None, description="This step runs instead, and its output is taken.")

    @model_validator(mode="after")
    def _one(self) -> OnErrorModel:
        if self.fallback is not None and "default" in self.model_fields_set:
            raise ValueError("give a default or a fallback, not both")
        return self


class CacheModel(Strict):
    """Keep the result for equal inputs."""

    ttl_s: float | None = Field(default=None, gt=0, description="Seconds it is kept; null: until it is pushed out.")
    files: list[str] = Field(default=[], description="Files whose content the result also depends on.")


class BudgetModel(Strict):
    """What a run may spend. It stops before it spends more, and can be resumed with more."""

    tokens: float | None = Field(default=None, ge=0, description="Tokens of models, in and out.")
    usd: float | None = Field(default=None, ge=0, description="US dollars.")
    calls: float | None = Field(default=None, ge=0, description="Calls of models and of the network.")
    files: float | None = Field(default=None, ge=0, description="Files written.")
    wall_s: float | None = Field(default=None, gt=0, description="Seconds from start to end.")
    memory_mb: float | None = Field(default=None, gt=0, description="Resident memory of the process, in MB.")


class StepModel(Strict):
    """One step. What it does is its `type` and `with`; the rest is when, and what if it fails."""

    type: str = Field(description="What kind of step this is.", examples=["set"])
    description: str = Field(default="", description="What the step is for.")
    with_: dict[str, Any] = Field(default={}, alias="with", description="The settings of this type of step.")
    needs: list[Name] = Field(
        default=[],
        description="Steps that must come before. Steps whose output an expression reads need not be listed.",
    )
    when: str | bool | None = Field(
        default=None, description="The step is skipped if this is false.", examples=["steps.check.output > 3"]
    )
    join: Literal["all", "any"] = Field(
        default="all", description="`all`: skipped if a step before it was. `any`: runs if one of them ran."
    )
    retry: RetryModel | None = None
    timeout_s: float | None = Field(default=None, gt=0, description="Seconds for each attempt.")
    on_error: OnErrorModel | None = None
    cache: CacheModel | None = None
    resource: str | None = Field(
        default=None, description="What a circuit breaker watches for this step, as a host's name."
    )
    rerun: bool = Field(default=True, description="Whether an attempt that a crash interrupted may be made again.")
    writes: list[Name] = Field(default=[], description="Channels that get the step's output.")


class PipelineModel(Strict):
    """A pipeline."""

    version: Literal[1] = Field(description="The version of this format.")
    name: str = Field(min_length=1, max_length=200, description="What the pipeline is called.", examples=["summary"])
    description: str = Field(default="", description="What it is for.")
    inputs: dict[Name, InputModel] = Field(default={}, description="What it takes.", examples=[{"topic": "string"}])
    channels: dict[Name, ChannelModel] = Field(default={}, description="Run state that several steps write to.")
    budget: BudgetModel | None = None
    concurrency: int | None = Field(default=None, ge=1, description="Steps that may be under way at once.")
    steps: dict[Name, StepModel] = Field(
        min_length=1,
        description="The steps by name. Their order follows from what they need.",
        examples=[{"greet": {"type": "set", "with": {"value": "Hello {{ inputs.topic }}"}}}],
    )
    outputs: dict[Name, Any] = Field(
        default={}, description="What it gives, by name. Without any: the outputs of the steps that nothing follows."
    )

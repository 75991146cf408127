"""The engine: plans, and the scheduler that runs them.

from codefactory.pipelines.engine import Engine, Graph, run

plan = Graph().add_node("analyze", analyze).add_node("report", report).add_edge("analyze", "report").compile()
result = await run(plan, {"text": "..."})

graph.py     Graph: pipelines built in Python         binding.py   where a function's parameters come from
assembly.py  drafts of steps → Plan                   plan.py      Plan, Step, Input: immutable
engine.py    Engine: run, stream, resume, fork        run.py       Run, RunResult, Feed: one execution
scope.py     the scheduler: a tree of scopes          attempt.py   one step to its end: retry, cache, checkpoint
fanout.py    maps                                     context.py   what a step may ask of its run
policy.py    Retry, OnError, CachePolicy              channel.py   channels and reducers
budget.py    reserved before spent                    slots.py     limits, priorities, fair sharing
breaker.py   circuit breakers                         cache.py     results by what they depend on
events.py    what happens, typed                      journal.py   what the engine asks of a store
values.py    the JSON form of values                  processes.py threads and children, and ending them
errors.py    what can go wrong                        door.py      who may do what, and what a plan may touch
"""

from .budget import Budget
from .channel import add, append, extend, last, merge
from .context import Context
from .engine import Engine, run, run_sync, stream, sync
from .errors import (
    BudgetExceededError,
    EngineError,
    NotAllowedError,
    PlanError,
    ResumeError,
    RunCancelledError,
    RunError,
    StepError,
    StepFailedError,
    UnserialisableError,
)
from .events import Event
from .graph import Graph
from .plan import Input, Plan, Step
from .policy import CachePolicy, OnError, Policy, Retry
from .run import RunResult

__all__ = [
    "Budget",
    "BudgetExceededError",
    "CachePolicy",
    "Context",
    "Engine",
    "EngineError",
    "Event",
    "Graph",
    "Input",
    "NotAllowedError",
    "OnError",
    "Plan",
    "PlanError",
    "Policy",
    "ResumeError",
    "Retry",
    "RunCancelledError",
    "RunError",
    "RunResult",
    "Step",
    "StepError",
    "StepFailedError",
    "UnserialisableError",
    "add",
    "append",
    "extend",
    "last",
    "merge",
    "run",
    "run_sync",
    "stream",
    "sync",
]

"""Pipelines as files: `version: 1`, YAML or JSON.

loaded = load("pipeline.yaml")          # findings with places, or a plan for the engine
result = await Engine().run(loaded.unwrap(), {"topic": "..."})

source.py      text → data that knows its places     model.py       the format, as pydantic models
loading.py     load(): file → plan or findings       compiler.py    model → plan, everything checked
expression.py  {{ … }} and what it refers to         sandbox.py     Jinja2, bounded
registry.py    types of steps, plugins               steps/         the types, one module each
validation.py  pydantic's errors as findings         step_call.py   settings evaluated, type called
schema.py      JSON Schema for editors               conversion.py  YAML ⇄ JSON, comments kept
migration.py   older versions of the format          comparison.py  what differs between two
foreign/       another program's format, imported    outline.py     a plan in words and boxes
"""

from .loading import Loaded, load, load_source, loads, located
from .registry import Registry, StepType, default_registry

__all__ = ["Loaded", "Registry", "StepType", "default_registry", "load", "load_source", "loads", "located"]

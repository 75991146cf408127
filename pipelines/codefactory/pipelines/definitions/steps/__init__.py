"""The types of steps that need nothing from the world outside, one module each."""

from .approval import APPROVAL
from .condition import CONDITION
from .function import FUNCTION
from .loop import LOOP
from .map import MAP
from .pipeline import PIPELINE
from .set import SET

BUILT_IN = (SET, CONDITION, MAP, LOOP, PIPELINE, APPROVAL, FUNCTION)

"""The types of steps, one module each."""

from .approval import APPROVAL
from .condition import CONDITION
from .function import FUNCTION
from .loop import LOOP
from .map import MAP
from .pipeline import PIPELINE
from .prompt import PROMPT
from .set import SET

BUILT_IN = (SET, CONDITION, MAP, LOOP, PIPELINE, APPROVAL, FUNCTION, PROMPT)

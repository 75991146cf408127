"""The types of steps, one module each."""

from .api import API
from .approval import APPROVAL
from .code import CODE
from .condition import CONDITION
from .function import FUNCTION
from .loop import LOOP
from .map import MAP
from .pipeline import PIPELINE
from .set import SET

BUILT_IN = (SET, CONDITION, MAP, LOOP, PIPELINE, APPROVAL, FUNCTION, CODE, API)

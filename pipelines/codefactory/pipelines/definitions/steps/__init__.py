"""The built-in types of steps, one module each."""

from .api import API
from .approval import APPROVAL
from .code import CODE
from .condition import CONDITION
from .file import FILE
from .function import FUNCTION
from .loop import LOOP
from .map import MAP
from .pipeline import PIPELINE
from .prompt import PROMPT
from .set import SET
from .tool import TOOL
from .transform import TRANSFORM

BUILT_IN = (SET, CONDITION, MAP, LOOP, PIPELINE, APPROVAL, PROMPT, CODE, API, FILE, FUNCTION, TRANSFORM, TOOL)

"""Import of `workflow:` pipelines, written for an orchestrator of language models, into `version: 1`.

workflow.py   the pipeline as a whole, in order     steps.py   one function a type of step
text.py       prompts, templates, conditions        notes.py   what could not be carried over
"""

from .workflow import Imported, import_workflow

__all__ = ["Imported", "import_workflow"]

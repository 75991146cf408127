"""Starts the bundled server: `python -I bundled/server.py [--model-libs FOLDER] …`.

FOLDER is where the editor has installed litellm, which the bundle leaves out.
"""

import runpy
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
compiled = here / f"libs-cp{sys.version_info.major}{sys.version_info.minor}"
if not compiled.is_dir():
    have = ", ".join(sorted((f"3.{p.name.removeprefix('libs-cp3')}" for p in here.glob("libs-cp3*")), key=len))
    sys.exit(
        f"This Code Factory carries its server for Python {have}, not for {sys.version.split()[0]}. Choose one of them "
        "in `codefactory.interpreter`, or install `codefactory` there and set `codefactory.importStrategy` to "
        "fromEnvironment."
    )
sys.path[:0] = [str(here / "libs"), str(compiled)]
if "--model-libs" in sys.argv:
    at = sys.argv.index("--model-libs")
    sys.path.append(sys.argv[at + 1])
    del sys.argv[at : at + 2]
runpy.run_module("codefactory.server", run_name="__main__", alter_sys=True)

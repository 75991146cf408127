"""Starts the bundled server: `python -I bundled/server.py [--model-libs FOLDER] …`.

FOLDER is where the editor has installed litellm, which the bundle leaves out.
"""

import runpy
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
pythons = (here / "pythons.txt").read_text("utf-8").split()
if f"{sys.version_info.major}.{sys.version_info.minor}" not in pythons:
    sys.exit(
        f"This Code Factory carries its server for Python {', '.join(pythons)}, not for {sys.version.split()[0]}. "
        "Choose one of them in `codefactory.interpreter`, or install `codefactory` there and set "
        "`codefactory.importStrategy` to fromEnvironment."
    )
sys.path.insert(0, str(here / "libs"))
if "--model-libs" in sys.argv:
    at = sys.argv.index("--model-libs")
    sys.path.append(sys.argv[at + 1])
    del sys.argv[at : at + 2]
runpy.run_module("codefactory.server", run_name="__main__", alter_sys=True)

"""Walls around programs: no network, a few folders, bounds on memory, time, processes and output.

    sandbox = await chosen()
    done = await sandbox.run(["python3", "-c", "print(1)"], write=[folder])

| module | is |
| --- | --- |
| `sandbox` | `Sandbox`, `Limits`, `Completed`: the one interface |
| `choice` | which of the mechanisms works here |
| `bubblewrap`, `landlock`, `macos`, `bare` | the mechanisms: how a command is wrapped |
| `landlock_shim` | the program that locks itself in and then becomes the command; runs alone |
| `seccomp` | the filter of system calls |
| `running`, `watching`, `process_tree` | starting, bounding and ending what was wrapped |
| `toolchain` | the folders that an interpreter needs |
"""

from .choice import chosen, survey
from .sandbox import Completed, Limits, Sandbox, SandboxUnavailableError

__all__ = ["Completed", "Limits", "Sandbox", "SandboxUnavailableError", "chosen", "survey"]

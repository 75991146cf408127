"""What the steps of a run may touch, and who decides it.

access.py        AccessPolicy: what may be touched; `refuse_…` says why something may not
narrowing.py     two policies → what both allow             patterns.py      hosts and names with a `*`
requirements.py  what a plan needs that a policy does not give
workspace.py     settings, trust and a user's own gestures → the policy of a run
"""

from .access import DENY_ALL, AccessPolicy, SandboxMode
from .narrowing import narrowed
from .requirements import Missing, missing

__all__ = ["DENY_ALL", "AccessPolicy", "Missing", "SandboxMode", "missing", "narrowed"]

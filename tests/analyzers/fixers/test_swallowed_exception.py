from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety

LOG = 'logging.getLogger(__name__).warning("Ignored an exception", exc_info=True)'


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        (
            "B110",
            "try:\n    f()\nexcept Exception:\n    pass  # best effort\n",
            f"import logging\n\ntry:\n    f()\nexcept Exception:\n    {LOG}  # best effort\n",
        ),
        ("B110", "try: f()\nexcept: pass\n", f"import logging\n\ntry: f()\nexcept: {LOG}\n"),
        (
            "B112",
            "for x in y:\n    try:\n        f()\n    except Exception:\n        # why\n        continue\n",
            (
                "import logging\n\nfor x in y:\n    try:\n        f()\n    except Exception:\n        # why\n"
                f"        {LOG}\n        continue\n"
            ),
        ),
        (
            "B112",
            "for x in y:\n    try: f()\n    except Exception: continue  # why\n",
            (
                "import logging\n\nfor x in y:\n    try: f()\n"
                f"    except Exception:\n        {LOG}\n        continue  # why\n"
            ),
        ),
        (
            "B110",
            "import logging\ndef load():\n    try: f()\n    except Exception: pass\nlog = logging.getLogger()\n",
            (
                "import logging\ndef load():\n    try: f()\n    except Exception: "
                'log.warning("Ignored an exception in load", exc_info=True)\nlog = logging.getLogger()\n'
            ),
        ),
        (
            "B110",
            "import logging as l\ntry:\n    f()\nexcept Exception:\n    pass\nlog = l.getLogger()\n",
            (
                "import logging as l\ntry:\n    f()\nexcept Exception:\n"
                '    l.getLogger(__name__).warning("Ignored an exception", exc_info=True)\nlog = l.getLogger()\n'
            ),
        ),
    ],
)
def test_is_fixed(code: str, before: str, after: str) -> None:
    check_fix(code, before, after, Safety.REVIEW)


def test_is_left_alone() -> None:
    check_declined("B110", "logging = 1\ntry:\n    f()\nexcept Exception:\n    pass\n", "used for something else")

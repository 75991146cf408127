from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import requests\nrequests.get(u)\n", "import requests\nrequests.get(u, timeout=30)\n"),
        ("import requests as r\nr.post()\n", "import requests as r\nr.post(timeout=30)\n"),
        ("from requests import get\nget((u))\n", "from requests import get\nget((u), timeout=30)\n"),
        ("import requests\nrequests.put(u, timeout=None)\n", "import requests\nrequests.put(u, timeout=30)\n"),
        ("import httpx\nhttpx.Client(timeout=None)\n", "import httpx\nhttpx.Client(timeout=30)\n"),
        (
            "import requests\nx = '😀', requests.get(u).json()\n",
            "import requests\nx = '😀', requests.get(u, timeout=30).json()\n",
        ),
        (
            "import requests\nif x:\n    requests.get(\n        u,\n        params=p,  # why\n    )\n",
            "import requests\nif x:\n    requests.get(\n        u,\n        params=p, timeout=30,  # why\n    )\n",
        ),
        (
            "import requests\nif x:\n    requests.get(\n        u,\n        params=p,\n    )\n",
            "import requests\nif x:\n    requests.get(\n        u,\n        params=p,\n        timeout=30,\n    )\n",
        ),
    ],
)
def test_a_timeout_is_set(before: str, after: str) -> None:
    check_fix("B113", before, after, Safety.REVIEW)


@pytest.mark.parametrize("arguments", ["u, **options", "*a"])
def test_a_timeout_that_may_be_hidden_is_left_alone(arguments: str) -> None:
    check_declined("B113", f"import requests\nrequests.get({arguments})\n", "hidden")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import requests\nrequests.get(u, timeout=5, verify=False)\n",
            "import requests\nrequests.get(u, timeout=5, verify=True)\n",
        ),
        ("import httpx\nhttpx.stream(u, verify = (False))\n", "import httpx\nhttpx.stream(u, verify = (True))\n"),
        (
            "import httpx\nf(httpx.AsyncClient(\n    verify=False,  # no certificate\n))\n",
            "import httpx\nf(httpx.AsyncClient(\n    verify=True,  # no certificate\n))\n",
        ),
    ],
)
def test_certificates_are_verified(before: str, after: str) -> None:
    check_fix("B501", before, after, Safety.REVIEW)

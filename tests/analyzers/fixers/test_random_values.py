from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import random\nt = random.choice(a)\n", "import secrets\nt = secrets.choice(a)\n"),
        ("import random\nrandom.getrandbits(8)\n", "import secrets\nsecrets.randbits(8)\n"),
        ("import random\nrandom.randrange(8)\n", "import secrets\nsecrets.randbelow(8)\n"),
        ("import random\nrandom.randrange(2, 8)\n", "import secrets\nsecrets.SystemRandom().randrange(2, 8)\n"),
        ("import random\nrandom.randbytes(n=8)\n", "import secrets\nsecrets.SystemRandom().randbytes(n=8)\n"),
        ("import random\nrandom.choices(a, k=8)\n", "import secrets\nsecrets.SystemRandom().choices(a, k=8)\n"),
        ("import random\nr = random.Random()\n", "import secrets\nr = secrets.SystemRandom()\n"),
        ("from random import randint\nrandint(1, 6)\n", "import secrets\nsecrets.SystemRandom().randint(1, 6)\n"),
        (
            "import random\nrandom.shuffle(a)\nrandom.sample(a, 2)\n",
            "import random\nimport secrets\nrandom.shuffle(a)\nsecrets.SystemRandom().sample(a, 2)\n",
        ),
    ],
)
def test_the_system_is_asked(before: str, after: str) -> None:
    check_fix("B311", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (
            "import random\nx = random.random(), random.choice(a)\n",
            "import secrets\nx = secrets.SystemRandom().random(), secrets.choice(a)\n",
            2,
        ),
        (
            "from random import choice, randint\nrandint(1, choice(a))\nchoice(b)\n",
            ("import secrets\nfrom random import choice\nsecrets.SystemRandom().randint(1, choice(a))\nchoice(b)\n"),
            1,
        ),
        (
            "import random\nx = random.random()\ny = random.choice(a)\nsleep(random.random())\n",
            (
                "import random\nimport secrets\nx = secrets.SystemRandom().random()\n"
                "y = random.choice(a)\nsleep(random.random())\n"
            ),
            1,
        ),
    ],
)
def test_all_calls_are_replaced_if_that_lets_the_import_go(before: str, after: str, gone: int) -> None:
    check_fix("B311", before, after, Safety.REVIEW, gone=gone)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import random\nrandom.seed(1)\nrandom.random()\n", "`seed` is used"),
        ("import random\nrandom.random()\ns = random.getstate()\n", "`getstate` is used"),
        ("import random\nrandom.Random(1)\n", "gets a seed"),
        ("import random\nrandom.random()\npatch('app.random.random')\n", "mock"),
        ("import random, time\ntime.sleep(random.random())\n", "`sleep` is near"),
        ("import random\nsecrets = {}\nrandom.random()\n", "`secrets` would have to be imported"),
    ],
)
def test_values_that_are_to_be_repeatable_are_left_alone(source: str, reason: str) -> None:
    check_declined("B311", source, reason)

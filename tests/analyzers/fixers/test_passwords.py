from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix, outcome

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("B105", "import os\nPASSWORD = 'hunter2'\n", "import os\nPASSWORD = os.environ['PASSWORD']\n"),
        (
            "B105",
            'import os\nclass A:\n    def f(self):\n        self.db_pwd = "hunter2"\n',
            'import os\nclass A:\n    def f(self):\n        self.db_pwd = os.environ["DB_PWD"]\n',
        ),
        ("B105", "import os\nc['api_token'] = 'x1y2'\n", "import os\nc['api_token'] = os.environ['API_TOKEN']\n"),
        ("B105", "import os\nc = {'password': 'x1y2'}\n", "import os\nc = {'password': os.environ['PASSWORD']}\n"),
        (
            "B105",
            "import os\nif password == 'x1y2':\n    pass\n",
            "import os\nif password == os.environ['PASSWORD']:\n    pass\n",
        ),
        ("B106", "import os\nf(1, password='x1y2')\n", "import os\nf(1, password=os.environ['PASSWORD'])\n"),
        (
            "B107",
            "import os\ndef f(user='x', password='x1y2'):\n    g('x')\n",
            "import os\ndef f(user='x', password=os.environ['PASSWORD']):\n    g('x')\n",
        ),
        ("B105", "'''doc'''\ntoken = 'x1y2'\n", "'''doc'''\n\nimport os\n\ntoken = os.environ['TOKEN']\n"),
        (
            "B105",
            "import os\ndef f():\n    password = 'x1y2'\ndef g():\n    password = 'z3z3'\n",
            "import os\ndef f():\n    password = os.environ['F_PASSWORD']\ndef g():\n    password = 'z3z3'\n",
        ),
    ],
)
def test_a_password_comes_from_the_environment(code: str, before: str, after: str) -> None:
    fix = check_fix(code, before, after, Safety.REVIEW)
    for secret in ("hunter2", "x1y2"):
        assert not any(secret in said for said in (fix.title, *fix.notes))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("password = ''\n", "empty"),
        ("password = '********'\n", "placeholder"),
        ("password = 'changeme'\n", "placeholder"),
        ("password = '<your password>'\n", "placeholder"),
        ("password_field = 'pw1'\n", "something about a password"),
        ("PASSWORD = 'password'\n", "name of a field"),
        ("password = 'db-password'\n", "reads like a name"),
        ("secret = 'DB_SECRET_NAME'\n", "reads like a name"),
        ("secret = 'project.auth.Token'\n", "reads like a name"),
        ("password = 'Enter it again'\n", "a text"),
        ("token = 'https://x/y'\n", "an address"),
        ("password = '/run/secrets/db'\n", "a path"),
        ("token = r'[a-z]x1'\n", "a pattern"),
        ("token = 'Name %s 1'\n", "a text"),
        ("token_use = 'behalf'\n", "digits"),
        ("secret = 'on_behalf_of'\n", "reads like a name"),
        ("if token == '((':\n    pass\n", "sign"),
        ("if token == 'while':\n    pass\n", "grammar"),
        ("class Kind(StrEnum):\n    token = 'tok1'\n", "enumeration"),
        ("password = 'x1y2'\npwd['password'] = 'z3z3'\n", "several values"),
        ("password = 'x1y2'\nos = 1\n", "`os` would have to be imported"),
    ],
)
def test_what_is_no_password_is_left_alone(source: str, reason: str) -> None:
    check_declined("B105", source, reason)


def test_a_reason_does_not_repeat_the_value() -> None:
    source = "password = 'x1y2'\npwd['password'] = 'z3z3'\n"
    result = outcome(source, "B105")
    assert result.declined
    assert not any(value in said for said in result.declined for value in ("x1y2", "z3z3"))

from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety

SAFE = "from django.utils.safestring import mark_safe\n"
HTML = "from django.utils.html import format_html\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f'<b>{x}</b>'", "'<b>{}</b>', x"),
        ("f'<b>{x!r}</b>{{}}{y:.2f}'", "'<b>{}</b>{{}}{}', repr(x), f'{y:.2f}'"),
        ("'<b>%s</b>' % x", "'<b>{}</b>', x"),
        ("'<b>%s %s</b>' % (x, y)", "'<b>{} {}</b>', x, y"),
        ("'<b>%(a)s</b>' % {'a': x}", "'<b>{}</b>', x"),
        ("'<b>{}</b>'.format(x)", "'<b>{}</b>', x"),
        ("'<b>{a}</b>'.format(a=x)", "'<b>{a}</b>', a=x"),
        ("'<b>{}</b>'.format(*[x])", "'<b>{}</b>', *[x]"),
        ("'<b>' + x + '</b>'", "'<b>{}</b>', x"),
    ],
)
@pytest.mark.parametrize("code", ["B308", "B703"])
def test_django_is_fixed(code: str, before: str, after: str) -> None:
    check_fix(
        code,
        f"{SAFE}def f(x, y):\n    return mark_safe({before})\n",
        f"{HTML}def f(x, y):\n    return format_html({after})\n",
        Safety.REVIEW,
    )


def test_the_import_stays_where_it_is_used() -> None:
    before = f"{SAFE}def f(x):\n    return mark_safe(f'<b>{{x}}</b>'), mark_safe(x)\n"
    after = f"{HTML}{SAFE}def f(x):\n    return format_html('<b>{{}}</b>', x), mark_safe(x)\n"
    check_fix("B308", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('Markup(f"<b>{x}</b>{y!r:>5}")', 'Markup("<b>{}</b>{!r:>5}").format(x, y)'),
        ('Markup("<b>%s</b>" % x)', 'Markup("<b>%s</b>") % x'),
        ('Markup("<b>%s</b>" % x).strip()', '(Markup("<b>%s</b>") % x).strip()'),
        ('Markup("<b>{a.b}</b>".format(a=x))', 'Markup("<b>{a.b}</b>").format(a=x)'),
        ('Markup("<b>" + x + "</b>")', 'Markup("<b>{}</b>").format(x)'),
    ],
)
def test_markup_is_fixed(before: str, after: str) -> None:
    imports = "from markupsafe import Markup\n"
    check_fix("B704", f"{imports}{before}\n", f"{imports}{after}\n", Safety.REVIEW)


@pytest.mark.parametrize(
    ("code", "source", "reason"),
    [
        ("B308", f"{SAFE}mark_safe('<b>')\n", "is a literal"),
        ("B308", f"{SAFE}mark_safe('<b>' + '</b>')\n", "literals only"),
        ("B308", f"{SAFE}mark_safe(x)\n", "decided where it is made"),
        ("B308", f"{SAFE}mark_safe(f())\n", "put together elsewhere"),
        ("B308", f"{SAFE}mark_safe('{{0.a}}'.format(x))\n", "cannot be matched"),
        ("B308", f"{SAFE}mark_safe('<b>{{:.2f}}'.format(x))\n", "an escaped one"),
        ("B704", "from markupsafe import Markup\nMarkup(x)\n", "decided where it is made"),
        ("B704", "from markupsafe import Markup\nMarkup(f())\n", "put together elsewhere"),
        ("B704", "from markupsafe import Markup\nMarkup(f'{x}', 'utf-8')\n", "more than the HTML"),
    ],
)
def test_is_left_alone(code: str, source: str, reason: str) -> None:
    check_declined(code, source, reason)

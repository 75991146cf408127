from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix, snapshot

from codefactory.analyzers import Safety, Text, bandit
from codefactory.analyzers.fixers import fixes_for
from codefactory.analyzers.text import combine


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        (
            "B314",
            "import os\nimport xml.etree.ElementTree as ET\nET.parse(p)\n",
            "import os\n\nimport defusedxml.ElementTree as ET\nET.parse(p)\n",
        ),
        (
            "B313",
            "import xml.etree.cElementTree as ET\nET.fromstring(p)\n",
            "import defusedxml.ElementTree as ET\nET.fromstring(p)\n",
        ),
        (
            "B314",
            "from xml.etree import ElementTree\nElementTree.parse(p)\n",
            "from defusedxml import ElementTree\nElementTree.parse(p)\n",
        ),
        (
            "B314",
            "import xml.etree.ElementTree as ET\ndef f(p) -> ET.Element:\n    return ET.parse(p).getroot()\n",
            (
                "import xml.etree.ElementTree as ET\n\nimport defusedxml.ElementTree\ndef f(p) -> ET.Element:\n"
                "    return defusedxml.ElementTree.parse(p).getroot()\n"
            ),
        ),
        (
            "B318",
            "from xml.dom.minidom import Document, parse as p\np(x)\n",
            "from xml.dom.minidom import Document\n\nfrom defusedxml.minidom import parse as p\np(x)\n",
        ),
        (
            "B318",
            "import xml.dom.minidom\nxml.dom.minidom.parse(x)\n",
            "import defusedxml.minidom\ndefusedxml.minidom.parse(x)\n",
        ),
        (
            "B319",
            "def f(x):\n    from xml.dom import pulldom  # late\n    return pulldom.parse(x)\n",
            "def f(x):\n    from defusedxml import pulldom  # late\n    return pulldom.parse(x)\n",
        ),
        (
            "B317",
            "from xml import sax\nx = '<a/>'\nsax.parseString(x, h)\n",
            "from defusedxml import sax\nx = '<a/>'\nsax.parseString(x.encode(), h)\n",
        ),
        ("B316", "import xml.dom.expatbuilder as b\nb.parse(p)\n", "import defusedxml.expatbuilder as b\nb.parse(p)\n"),
        (
            "B315",
            "import xml.sax.expatreader as r\nr.create_parser()\n",
            "import defusedxml.expatreader as r\nr.create_parser()\n",
        ),
        ("B408", "from xml.dom.minidom import parse\nparse(p)\n", "from defusedxml.minidom import parse\nparse(p)\n"),
    ],
)
def test_is_fixed(code: str, before: str, after: str) -> None:
    fix = check_fix(code, before, after, Safety.REVIEW)
    assert fix.dependencies == ("defusedxml",)


def test_the_fixes_of_all_findings_in_a_file_go_together() -> None:
    before = snapshot(
        "import xml.etree.ElementTree as ET\nfrom xml.dom.minidom import parse, parseString\n"
        "ET.parse(p), ET.fromstring(p), parse(p), parseString(p)\n"
    )
    found = bandit.analyze(before).findings
    outcomes = fixes_for(before, found)
    edits, chosen = combine([o.fixes[0].edits for o in outcomes])
    assert len(found) == len(chosen) == 6
    assert not bandit.analyze(before.with_text(Text(before.text).apply(edits))).findings


@pytest.mark.parametrize(
    ("code", "source", "reason"),
    [
        ("B405", "import xml.etree.ElementTree as ET\nET.Element('a'), ET.parse(p)\n", "does not have"),
        ("B405", "import xml.etree.ElementTree as ET\nuse(ET)\n", "does not have"),
        ("B405", "import xml.etree.ElementTree as ET\nx: 'ET.Element' = ET.parse(p)\n", "does not have"),
        ("B314", "import xml.etree.ElementTree as ET\nET.fromstring(p, parser)\n", "takes no parser"),
        ("B408", "from xml.dom.minidom import Document\nDocument()\n", "does not have"),
        ("B318", "try:\n    import xml.dom.minidom as m\nexcept E:\n    m = 1\nm.parse(p)\n", "not written in a form"),
        ("B411", "import xmlrpc.client\nxmlrpc.client.ServerProxy(u)\n", "monkey_patch"),
    ],
)
def test_is_left_alone(code: str, source: str, reason: str) -> None:
    check_declined(code, source, reason)

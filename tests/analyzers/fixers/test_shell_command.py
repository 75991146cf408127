from __future__ import annotations

import subprocess
import sys

import pytest
from fixer_tables import check_declined, check_fix, outcome

from codefactory.analyzers import Safety, Text

LEFT = frozenset({"B404", "B603", "B607"})
"""A process is still started: what bandit says about that is of low severity."""


def call(command: str, *, before: str = "", result: str = "") -> str:
    return f"import subprocess\n{before}{result}subprocess.run({command}, shell=True)\n"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ('"ls"', '["ls"]'),
        ("'/bin/ls  -l'", "['/bin/ls', '-l']"),
        ('"\\n ls -l\\n"', '["ls", "-l"]'),
        ('"grep \'a b\' \\"c|d\\" f"', '["grep", "a b", "c|d", "f"]'),
        ("\"find . -exec wc {} + -name '*.py'\"", '["find", ".", "-exec", "wc", "{}", "+", "-name", "*.py"]'),
        ('"git log --since=x"', '["git", "log", "--since=x"]'),
        ('f"ls {x}"', '["ls", str(x)]'),
        ('"ls %s" % x', '["ls", str(x)]'),
        ('"ls -n %d" % x', '["ls", "-n", str(x)]'),
        ('"ls -n %(n)s" % {"n": x}', '["ls", "-n", str(x)]'),
        ('"ls {}".format(x)', '["ls", str(x)]'),
        ('"ls {0.a}".format(x)', None),
        ('"ls {a} {b}".format(b=x, a=y)', '["ls", str(y), str(x)]'),
        ('"ls " + x', '["ls", x]'),
        ('"ls X".replace("X", x)', '["ls", x]'),
        ('"ls " "-l " f"{x}"', '["ls", "-l", str(x)]'),
        ('"ls \'" + x + "\'"', '["ls", x]'),
        ("f\"ls '{x} y'\"", '["ls", f"{x} y"]'),
        ('f"tar xf {a}/b.{c:03d} --dir={d!r}"', '["tar", "xf", f"{a}/b.{c:03d}", f"--dir={d!r}"]'),
        ('f"ls {input()} {sys.argv[1]}"', '["ls", input(), sys.argv[1]]'),
    ],
)
def test_a_command_is_split(command: str, arguments: str | None) -> None:
    if arguments is None:
        check_declined("B602", call(command), "cannot be matched")
        return
    fix = check_fix(
        "B602", call(command), f"import subprocess\nsubprocess.run({arguments})\n", Safety.REVIEW, anew=LEFT
    )
    assert any("B603" in note for note in fix.notes)


def test_a_value_that_the_shell_would_have_split_is_said() -> None:
    assert "one" in outcome(call('f"ls {x}"'), "B602").fixes[0].notes[0]
    assert "several" not in "".join(outcome(call("f\"ls '{x}'\""), "B602").fixes[0].notes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import shlex\nimport subprocess\nsubprocess.run(f'ls {shlex.quote(x)}', shell=True)\n",
            "import subprocess\nsubprocess.run(['ls', x])\n",
        ),
        (
            "from subprocess import Popen as P\np = P('ls -l', shell=True, cwd='/')  # why\n",
            "from subprocess import Popen as P\np = P(['ls', '-l'], cwd='/')  # why\n",
        ),
        (
            "import subprocess\nsubprocess.run(\n    'ls -l',\n    shell=True,\n    check=True,\n)\n",
            "import subprocess\nsubprocess.run(\n    ['ls', '-l'],\n    check=True,\n)\n",
        ),
        (
            "import subprocess\nsubprocess.call('ls', shell=1)\n",
            "import subprocess\nsubprocess.call(['ls'])\n",
        ),
        (
            "import subprocess\ndef f(x: str):\n    subprocess.run(f'ls {x}', shell=True)\n",
            "import subprocess\ndef f(x: str):\n    subprocess.run(['ls', x])\n",
        ),
        (
            "import subprocess\ndef f(x):\n    c = f'ls {x}'\n    if x:\n        subprocess.run(c, shell=True)\n",
            "import subprocess\ndef f(x):\n    c = ['ls', str(x)]\n    if x:\n        subprocess.run(c)\n",
        ),
        (
            "import subprocess\nc = 'ls'\nprint(c)\nsubprocess.run(c, shell=True)\n",
            "import subprocess\nc = 'ls'\nprint(c)\nsubprocess.run([c])\n",
        ),
        (
            "import subprocess\nsubprocess.run(['ls', x], shell=True)\n",
            "import subprocess\nsubprocess.run(['ls', x])\n",
        ),
        (
            "import subprocess\nsubprocess.run('rm -f *.o build/?.a', shell=True)\n",
            (
                "import glob\nimport subprocess\n"
                "subprocess.run(['rm', '-f', *sorted(glob.glob('./*.o')), *sorted(glob.glob('./build/?.a'))])\n"
            ),
        ),
    ],
)
def test_b602_is_fixed(before: str, after: str) -> None:
    check_fix("B602", before, after, Safety.REVIEW, anew=LEFT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\nos.system('ls -l')\n", "import subprocess\nsubprocess.run(['ls', '-l'], check=False)\n"),
        (
            "from os import system\nif system('ls') != 0:\n    f()\n",
            "import subprocess\nif subprocess.run(['ls'], check=False).returncode != 0:\n    f()\n",
        ),
        (
            "import os\nx = os.popen('ls').read().strip(), os\n",
            (
                "import os\nimport subprocess\n"
                "x = subprocess.run(['ls'], stdout=subprocess.PIPE, text=True, check=False).stdout.strip(), os\n"
            ),
        ),
        (
            "import os\nfor line in os.popen('ls'):\n    f(line)\n",
            (
                "import subprocess\n"
                "for line in subprocess.run(['ls'], stdout=subprocess.PIPE, text=True, check=False)"
                ".stdout.splitlines(keepends=True):\n    f(line)\n"
            ),
        ),
        (
            "import os\nos.popen('ls')\n",
            "import subprocess\nsubprocess.run(['ls'], stdout=subprocess.DEVNULL, check=False)\n",
        ),
        (
            "import subprocess as s\nx = s.getoutput('ls')\n",
            (
                "import subprocess as s\nx = s.run(['ls'], stdout=s.PIPE, stderr=s.STDOUT, text=True, check=False)"
                '.stdout.removesuffix("\\n")\n'
            ),
        ),
    ],
)
def test_b605_is_fixed(before: str, after: str) -> None:
    check_fix("B605", before, after, Safety.REVIEW, anew=LEFT)


def test_b609_is_fixed() -> None:
    check_fix(
        "B609",
        "import subprocess\nsubprocess.Popen('/bin/chown root *', shell=True)\n",
        "import glob\nimport subprocess\nsubprocess.Popen(['/bin/chown', 'root', *sorted(glob.glob('./*'))])\n",
        Safety.REVIEW,
        anew=LEFT,
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (call('"ls | wc"'), "`|`"),
        (call('"ls > x"'), "`>`"),
        (call('"echo $HOME"'), "`$`"),
        (call("'echo \"$HOME\"'"), "`$`"),
        (call('"a && b"'), "`&`"),
        (call('"a\\nb"'), "a line break"),
        (call('"A=1 ls"'), "environment variable"),
        (call('"cd /x"'), "a command of the shell"),
        (call('"ls ~"'), "in its own way"),
        (call('"ls {a,b}"'), "braces"),
        (call('"ls \'a"'), "not closed"),
        (call('f"{x} -l"'), "which program"),
        (call('"ls" + x'), "may hold arguments"),
        (call('"ls%s -l" % x'), "may hold arguments"),
        (call('f"ls {a}{b}"'), "may hold arguments"),
        (call('"ls %s" % args'), "several arguments"),
        (call('"ls " + " ".join(x)'), "several arguments"),
        (call("f\"ls {'-l' if x else ''}\""), "several arguments"),
        (call("command"), "cannot be followed"),
        (call("c", before="def f(): global c\nc = 'ls -l'\n"), "cannot be followed"),
        (call("c", before="c = 'ls -l'\nfor c in d: pass\n"), "cannot be followed"),
        (call("c", before="c = 'ls -l'\nprint(c)\n"), "used as a string elsewhere"),
        (call('("ls "  # why\n    "-l")'), "comment"),
        ("import subprocess\nsubprocess.run('ls', shell=x)\n", "decided at run time"),
        ("import subprocess\nsubprocess.run('ls', shell=True, executable='/bin/bash')\n", "names the shell"),
        ("import subprocess\nsubprocess.run('ls', shell=True, **x)\n", "cannot be followed"),
        ("import subprocess\nsubprocess.run(['ls -l', x], shell=True)\n", "a whole command line"),
    ],
)
def test_b602_is_left_alone(source: str, reason: str) -> None:
    check_declined("B602", source, reason)


@pytest.mark.parametrize(
    ("code", "source", "reason"),
    [
        ("B605", "import os\nos.system('ls') >> 8\n", "taken apart"),
        ("B605", "import os\np = os.popen('ls')\n", "the pipe"),
        ("B605", "import os\nos.popen('ls', 'w')\n", "more than the command"),
        ("B605", "import os\nos.popen2('ls')\n", "Python 3"),
        ("B605", "import subprocess\nsubprocess.getstatusoutput('ls')\n", "status and output"),
        ("B604", "f('ls', shell=True)\n", "is not seen"),
        ("B603", "import subprocess\nsubprocess.run(['/bin/ls'])\n", "no shell"),
        ("B606", "import os\nos.execv('/bin/ls', x)\n", "no shell"),
        ("B607", "import subprocess\nsubprocess.run(['ls'])\n", "shutil.which"),
    ],
)
def test_the_others_are_left_alone(code: str, source: str, reason: str) -> None:
    check_declined(code, source, reason)


@pytest.mark.parametrize(
    "command",
    ['f"printf %s_ a {x} b"', "f\"printf %s_ 'a b' '{x}' \\\"c d\\\"\"", '"printf %%s_ --a=%s /b/%s" % (x, x)'],
)
def test_the_list_does_what_the_shell_did(command: str) -> None:
    source = f"import subprocess\nx = 'value'\nprint(subprocess.check_output({command}, shell=True))\n"
    fixed = Text(source).apply(outcome(source, "B602").fixes[0].edits)
    outputs = [subprocess.run([sys.executable, "-c", s], capture_output=True, check=True) for s in (source, fixed)]
    assert outputs[0].stdout == outputs[1].stdout != b"b''\n"

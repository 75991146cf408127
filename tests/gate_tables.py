"""Changes for the gate's tests: honest repairs that must pass, and dishonest ones that must not."""

# ruff: noqa: E501 - one change a row reads as a table

from __future__ import annotations

from typing import NamedTuple

from codefactory.analyzers import Analyzers, Options, Snapshot
from codefactory.analyzers.ruff import RuffOptions
from codefactory.pipelines.gate import Candidate

RULES = "F,E4,E7,E9,W,I,S,B,SIM,T20,T10,ERA,C4,UP,PERF,RET,PTH,BLE,N8,G,RSE,DTZ,TC,RUF100,PGH,ARG,FURB113"
OPTIONS = Options(ruff=RuffOptions(arguments=("--isolated", "--preview", "--select", RULES)))


class Honest(NamedTuple):
    rule: str
    """Code of the findings that the change is for, of any tool."""
    before: str
    after: str


class Dishonest(NamedTuple):
    reason: str
    rule: str
    before: str
    after: str


def snapshot(text: str, language: str = "python") -> Snapshot:
    extension = {"python": "py", "javascript": "js", "go": "go", "java": "java"}[language]
    return Snapshot(f"file:///project/app.{extension}", text, language)


def candidate(
    analyzers: Analyzers, rule: str, before: str, after: str, *, by_model: bool = True, language: str = "python"
) -> Candidate:
    """The change with its analyses, aimed at all findings of `rule`; "" aims at all findings."""
    old, new = snapshot(before, language), snapshot(after, language)
    analysis = analyzers.analyze(old, OPTIONS)
    targets = frozenset(f.fingerprint for f in analysis.findings if f.code == rule)
    assert targets or not rule, f"{rule} is not reported in:\n{before}\n{[f.code for f in analysis.findings]}"
    return Candidate(old, new, analysis, analyzers.analyze(new, OPTIONS), targets, by_model)


# What bandit's rules ask for, one minimal pair each.
MINIMAL = [
    Honest("B101", "assert x > 0, 'm'\n", "if not (x > 0):\n    raise AssertionError('m')\n"),
    Honest(
        "B110",
        "try:\n    f()\nexcept Exception:\n    pass\n",
        "import contextlib\nwith contextlib.suppress(Exception):\n    f()\n",
    ),
    Honest(
        "B112",
        "for i in y:\n    try:\n        f(i)\n    except Exception:\n        continue\n",
        "import logging\nfor i in y:\n    try:\n        f(i)\n    except Exception:\n"
        "        logging.getLogger(__name__).debug('ignored', exc_info=True)\n        continue\n",
    ),
    Honest("B113", "import requests\nrequests.get(u)\n", "import requests\nrequests.get(u, timeout=60)\n"),
    Honest(
        "B201",
        "from flask import Flask\napp = Flask(__name__)\napp.run(debug=True)\n",
        "from flask import Flask\napp = Flask(__name__)\napp.run(debug=False)\n",
    ),
    Honest(
        "B202",
        "import tarfile\ntarfile.open('x').extractall(path=p)\n",
        "import tarfile\ntarfile.open('x').extractall(path=p, filter='data')\n",
    ),
    Honest(
        "B306",
        "import tempfile\nn = tempfile.mktemp()\n",
        "import os, tempfile\n_fd, n = tempfile.mkstemp()\nos.close(_fd)\n",
    ),
    Honest("B307", "r = eval(s)\n", "import ast\nr = ast.literal_eval(s)\n"),
    Honest(
        "B311",
        "import random\nx = random.randint(1, 6)\n",
        "import secrets\nx = secrets.SystemRandom().randint(1, 6)\n",
    ),
    Honest(
        "B314",
        "import xml.etree.ElementTree as ET\nr = ET.parse(p)\n",
        "import defusedxml.ElementTree as ET\nr = ET.parse(p)\n",
    ),
    Honest(
        "B318",
        "from xml.dom import minidom\nd = minidom.parseString(s)\n",
        "from defusedxml import minidom\nd = minidom.parseString(s)\n",
    ),
    Honest(
        "B323",
        "import ssl\nc = ssl._create_unverified_context()\n",
        "import ssl\nc = ssl.create_default_context()\n",
    ),
    Honest(
        "B324",
        "import hashlib\nh = hashlib.md5(b'x')\n",
        "import hashlib\nh = hashlib.md5(b'x', usedforsecurity=False)\n",
    ),
    Honest(
        "B324",
        "import hashlib\nh = hashlib.new('sha1', b'x')\n",
        "import hashlib\nh = hashlib.new('sha1', b'x', usedforsecurity=False)\n",
    ),
    Honest("B324", "import hashlib\nh = hashlib.md5(b'x')\n", "import hashlib\nh = hashlib.sha256(b'x')\n"),
    Honest("B403", "import pickle\nx = 1\n", "x = 1\n"),
    Honest(
        "B501",
        "import requests\nrequests.get(u, verify=False, timeout=5)\n",
        "import requests\nrequests.get(u, verify=True, timeout=5)\n",
    ),
    Honest(
        "B502",
        "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_SSLv3)\n",
        "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_TLS)\n",
    ),
    Honest(
        "B503",
        "import ssl\ndef f(v=ssl.PROTOCOL_SSLv2):\n    pass\n",
        "import ssl\ndef f(v=ssl.PROTOCOL_TLS_CLIENT):\n    pass\n",
    ),
    Honest(
        "B505",
        "from cryptography.hazmat.primitives.asymmetric import rsa\nrsa.generate_private_key(65537, 1024)\n",
        "from cryptography.hazmat.primitives.asymmetric import rsa\nrsa.generate_private_key(65537, 3072)\n",
    ),
    Honest("B506", "import yaml\nyaml.load(s)\n", "import yaml\nyaml.safe_load(s)\n"),
    Honest(
        "B506",
        "import yaml\nyaml.load(s, Loader=yaml.Loader)\n",
        "import yaml\nyaml.load(s, Loader=yaml.SafeLoader)\n",
    ),
    Honest(
        "B507",
        "import paramiko\nc = paramiko.SSHClient()\nc.set_missing_host_key_policy(paramiko.AutoAddPolicy())\n",
        "import paramiko\nc = paramiko.SSHClient()\nc.set_missing_host_key_policy(paramiko.RejectPolicy())\n",
    ),
    Honest(
        "B608",
        "cur.execute(\"SELECT a FROM t WHERE b = '%s'\" % x)\n",
        "cur.execute('SELECT a FROM t WHERE b = ?', (x,))\n",
    ),
    Honest(
        "B608",
        'cur.execute(f"DELETE FROM t WHERE id = {i}")\n',
        "cur.execute('DELETE FROM t WHERE id = ?', (i,))\n",
    ),
    Honest(
        "B610",
        "from django.contrib.auth.models import User\nUser.objects.extra(select=dict(a='b'))\n",
        "from django.contrib.auth.models import User\nUser.objects.extra(select={'a': 'b'})\n",
    ),
    Honest("B613", "x = 'a\u202eb'\n", "x = 'ab'\n"),
    Honest("B614", "import torch\ntorch.load(p)\n", "import torch\ntorch.load(p, weights_only=True)\n"),
    Honest(
        "B701",
        "import jinja2\nenv = jinja2.Environment(loader=l)\n",
        "import jinja2\nenv = jinja2.Environment(loader=l, autoescape=True)\n",
    ),
    Honest(
        "B701",
        "import jinja2\nenv = jinja2.Environment(loader=l, autoescape=False)\n",
        "import jinja2\nenv = jinja2.Environment(loader=l, autoescape=jinja2.select_autoescape())\n",
    ),
    Honest(
        "B108",
        "p = '/tmp/x.log'\n",
        "import os, tempfile\np = os.path.join(tempfile.gettempdir(), 'x.log')\n",
    ),
    Honest("B104", "s.bind(('0.0.0.0', 80))\n", "s.bind(('127.0.0.1', 80))\n"),
    Honest("B103", "import os\nos.chmod(p, 0o777)\n", "import os\nos.chmod(p, 0o700)\n"),
    Honest("B105", "password = 'hunter2'\n", "import os\npassword = os.environ['PASSWORD']\n"),
    Honest("B301", "import pickle\npickle.loads(s)\n", "import json\njson.loads(s)\n"),
]

# Repairs as people and models write them, in a little more code.
LIVED = [
    Honest(
        "B602",
        "import subprocess\n\n\ndef grep(word):\n    out = subprocess.check_output('grep ' + word + ' log', shell=True)\n"
        "    return out.decode()\n",
        "import subprocess\n\n\ndef grep(word):\n    out = subprocess.check_output(['grep', '--', word, 'log'])\n"
        "    return out.decode()\n",
    ),
    Honest(
        "B602",
        "import subprocess\n\n\ndef run(cmd):\n    p = subprocess.Popen(cmd, shell=True, stdout=subprocess.PIPE)\n"
        "    out, _ = p.communicate()\n    return out\n",
        "import shlex\nimport subprocess\n\n\ndef run(cmd):\n"
        "    return subprocess.run(shlex.split(cmd), capture_output=True, check=True).stdout\n",
    ),
    Honest(
        "B605",
        "import os\n\n\ndef clean(name):\n    return os.popen('wc ' + name).read()\n",
        "import subprocess\n\n\ndef clean(name):\n"
        "    return subprocess.run(['wc', name], capture_output=True, text=True, check=True).stdout\n",
    ),
    Honest(
        "B605",
        "import os\n\n\ndef remove(path):\n    os.system('rm -rf ' + path)\n",
        "import shutil\n\n\ndef remove(path):\n    shutil.rmtree(path)\n",
    ),
    Honest(
        "B608",
        "def find(cur, name):\n    q = \"SELECT * FROM t WHERE name = '\" + name + \"'\"\n    cur.execute(q)\n"
        "    return cur.fetchall()\n",
        'def find(cur, name):\n    q = "SELECT * FROM t WHERE name = ?"\n    cur.execute(q, (name,))\n'
        "    return cur.fetchall()\n",
    ),
    Honest(
        "B608",
        "def find(cur, a, b):\n    cur.execute('SELECT * FROM t WHERE a = {} AND b = {}'.format(a, b))\n",
        "def find(cur, a, b):\n    cur.execute(\n        'SELECT * FROM t WHERE a = %s AND b = %s',\n        (a, b),\n    )\n",
    ),
    Honest(
        "B608",
        "def find(cur, a):\n    cur.execute('SELECT * FROM t WHERE a = %s' % str(a).replace(\"'\", \"''\"))\n",
        "def find(cur, a):\n    cur.execute('SELECT * FROM t WHERE a = ?', (str(a),))\n",
    ),
    Honest(
        "B301",
        "import pickle\n\n\ndef load(path):\n    with open(path, 'rb') as f:\n        return pickle.load(f)\n",
        "import json\n\n\ndef load(path):\n    with open(path) as f:\n        return json.load(f)\n",
    ),
    Honest(
        "B110",
        "def close(c):\n    try:\n        c.close()\n    except Exception:\n        pass\n",
        "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef close(c):\n    try:\n        c.close()\n"
        "    except Exception:\n        logger.exception('could not close')\n",
    ),
    Honest(
        "B110",
        "def close(c):\n    try:\n        c.close()\n    except Exception:\n        pass\n",
        "def close(c):\n    c.close()\n",
    ),
    Honest(
        "B110",
        "def close(c):\n    try:\n        c.close()\n    except Exception:\n        pass\n",
        "def close(c):\n    try:\n        c.close()\n    except OSError as error:\n        raise RuntimeError('close') from error\n",
    ),
    Honest(
        "B324",
        "import hashlib\n\n\ndef token(data):\n    return hashlib.md5(data).hexdigest()\n",
        "import hashlib\n\n\ndef token(data):\n    return hashlib.sha256(data).hexdigest()\n",
    ),
    Honest(
        "B324",
        "import hashlib\n\n\ndef token(data):\n    h = hashlib.new('md5')\n    h.update(data)\n    return h.hexdigest()\n",
        "import hashlib\n\n\ndef token(data):\n    h = hashlib.sha256()\n    h.update(data)\n    return h.hexdigest()\n",
    ),
    Honest(
        "B311",
        "import random\n\n\ndef token():\n    return ''.join(random.choice('abc') for _ in range(8))\n",
        "import secrets\n\n\ndef token():\n    return ''.join(secrets.choice('abc') for _ in range(8))\n",
    ),
    Honest(
        "B311",
        "import random\n\n\ndef token():\n    return str(random.randint(0, 999999))\n",
        "import secrets\n\n\ndef token():\n    return secrets.token_hex(16)\n",
    ),
    Honest(
        "B306",
        "import tempfile\n\n\ndef write(data):\n    name = tempfile.mktemp()\n    f = open(name, 'w')\n    f.write(data)\n"
        "    f.close()\n    return name\n",
        "import tempfile\n\n\ndef write(data):\n    with tempfile.NamedTemporaryFile('w', delete=False) as f:\n"
        "        f.write(data)\n    return f.name\n",
    ),
    Honest(
        "B307",
        "def size(text):\n    return eval(text) * 2\n",
        "def size(text):\n    if not text.isdigit():\n        raise ValueError('not a number')\n    return int(text) * 2\n",
    ),
    Honest(
        "B501",
        "import requests\n\n\ndef get(url):\n    return requests.get(url, verify=False, timeout=5).json()\n",
        "import requests\n\n\ndef get(url):\n    response = requests.get(url, timeout=5)\n"
        "    response.raise_for_status()\n    return response.json()\n",
    ),
    Honest(
        "B310",
        "import urllib.request\n\n\ndef get(url):\n    return urllib.request.urlopen(url).read()\n",
        "import requests\n\n\ndef get(url):\n    return requests.get(url, timeout=30).content\n",
    ),
    Honest(
        "B107",
        "def connect(user, password='hunter2'):\n    return user, password\n",
        "def connect(user, password):\n    return user, password\n",
    ),
    Honest(
        "B106",
        "def main():\n    connect(user='a', password='hunter2')\n",
        "import os\n\n\ndef main():\n    connect(user='a', password=os.environ['DB_PASSWORD'])\n",
    ),
    Honest(
        "B105",
        "SECRET_KEY = 'abcdefghi'\n\n\ndef sign(x):\n    return SECRET_KEY + x\n",
        "import os\n\nSECRET_KEY = os.environ.get('SECRET_KEY')\nif not SECRET_KEY:\n"
        "    raise RuntimeError('set SECRET_KEY')\n\n\ndef sign(x):\n    return SECRET_KEY + x\n",
    ),
    Honest(
        "B101",
        "def pay(amount):\n    assert amount > 0\n    return amount\n",
        "def pay(amount):\n    if amount <= 0:\n        raise ValueError('amount must be positive')\n    return amount\n",
    ),
    Honest(
        "B202",
        "import tarfile\n\n\ndef unpack(name, to):\n    t = tarfile.open(name)\n    t.extractall(to)\n    t.close()\n",
        "import tarfile\n\n\ndef unpack(name, to):\n    with tarfile.open(name) as t:\n        t.extractall(to, filter='data')\n",
    ),
    Honest(
        "B201",
        "from flask import Flask\n\napp = Flask(__name__)\nif __name__ == '__main__':\n    app.run(debug=True)\n",
        "import os\n\nfrom flask import Flask\n\napp = Flask(__name__)\nif __name__ == '__main__':\n"
        "    app.run(debug=os.environ.get('FLASK_DEBUG') == '1')\n",
    ),
    Honest(
        "B104",
        "import socket\n\n\ndef listen():\n    s = socket.socket()\n    s.bind(('0.0.0.0', 80))\n    return s\n",
        "import socket\n\n\ndef listen(host='127.0.0.1'):\n    s = socket.socket()\n    s.bind((host, 80))\n    return s\n",
    ),
    Honest(
        "B314",
        "import xml.etree.ElementTree as ET\n\n\ndef read(p):\n    return ET.parse(p).getroot()\n",
        "from defusedxml import ElementTree\n\n\ndef read(p):\n    return ElementTree.parse(p).getroot()\n",
    ),
    Honest(
        "B506",
        "import yaml\n\n\ndef read(path):\n    f = open(path)\n    data = yaml.load(f)\n    f.close()\n    return data\n",
        "import yaml\n\n\ndef read(path):\n    with open(path) as f:\n        return yaml.safe_load(f)\n",
    ),
    Honest(
        "B506",
        "import yaml\n\n\ndef read(text):\n    print(yaml.load(text))\n",
        "import yaml\n\n\ndef read(text):\n    # Only plain data: the text comes from outside.\n    print(yaml.safe_load(text))\n",
    ),
    Honest(
        "B113",
        "import requests\n\n\ndef post(url, data):\n    return requests.post(url, json=data)\n",
        "import requests\n\nTIMEOUT_S = 10\n\n\ndef post(url, data):\n    return requests.post(url, json=data, timeout=TIMEOUT_S)\n",
    ),
    Honest("S113", "import requests\nrequests.get(u)  # noqa: B018\n", "import requests\nrequests.get(u, timeout=9)  # noqa: B018\n"),
    # Lint.
    Honest("F401", "import os\nimport sys\n\nprint(sys.path)\n", "import sys\n\nprint(sys.path)\n"),
    Honest("F401", "from a import b, c\n\nprint(b)\n", "from a import b\n\nprint(b)\n"),
    Honest("F841", "def f():\n    x = 1\n    return 2\n", "def f():\n    return 2\n"),
    Honest("F841", "def f(g):\n    x = g()\n    return 2\n", "def f(g):\n    g()\n    return 2\n"),
    Honest("F811", "def f():\n    return 1\n\n\ndef f():\n    return 2\n", "def f():\n    return 2\n"),
    Honest("ERA001", "x = 1\n# y = foo(x)\nz = 2\n", "x = 1\nz = 2\n"),
    Honest("E711", "def f(x):\n    return x == None\n", "def f(x):\n    return x is None\n"),
    Honest("E722", "try:\n    f()\nexcept:\n    g()\n", "try:\n    f()\nexcept ValueError:\n    g()\n"),
    Honest("E731", "f = lambda x: x + 1\nprint(f(1))\n", "def f(x):\n    return x + 1\n\n\nprint(f(1))\n"),
    Honest("B006", "def f(x=[]):\n    return x\n", "def f(x=None):\n    if x is None:\n        x = []\n    return x\n"),
    Honest("B904", "try:\n    f()\nexcept ValueError:\n    raise KeyError('x')\n", "try:\n    f()\nexcept ValueError as e:\n    raise KeyError('x') from e\n"),
    Honest("B009", "def f(x):\n    return getattr(x, 'name')\n", "def f(x):\n    return x.name\n"),
    Honest("B010", "def f(x):\n    setattr(x, 'name', 1)\n", "def f(x):\n    x.name = 1\n"),
    Honest("SIM115", "def f(p):\n    h = open(p)\n    d = h.read()\n    h.close()\n    return d\n", "def f(p):\n    with open(p) as h:\n        return h.read()\n"),
    Honest("SIM105", "def f(p):\n    try:\n        p.unlink()\n    except OSError:\n        pass\n", "import contextlib\n\n\ndef f(p):\n    with contextlib.suppress(OSError):\n        p.unlink()\n"),
    Honest("SIM102", "def f(a, b):\n    if a:\n        if b:\n            g(a)\n", "def f(a, b):\n    if a and b:\n        g(a)\n"),
    Honest("SIM118", "def f(d):\n    return [k for k in d.keys()]\n", "def f(d):\n    return [k for k in d]\n"),
    Honest("T201", "def f(x):\n    print('got', x)\n", "import logging\n\n\ndef f(x):\n    logging.getLogger(__name__).info('got %s', x)\n"),
    Honest("T100", "def f(x):\n    breakpoint()\n    return x\n", "def f(x):\n    return x\n"),
    Honest("C408", "x = dict(a=1)\n", "x = {'a': 1}\n"),
    Honest("C417", "def f(xs):\n    return list(map(lambda x: x + 1, xs))\n", "def f(xs):\n    return [x + 1 for x in xs]\n"),
    Honest("UP032", "def f(x):\n    return 'a {}'.format(x)\n", "def f(x):\n    return f'a {x}'\n"),
    Honest("PERF401", "def f(xs):\n    out = []\n    for x in xs:\n        out.append(g(x))\n    return out\n", "def f(xs):\n    return [g(x) for x in xs]\n"),
    Honest("RET504", "def f(x):\n    y = g(x)\n    return y\n", "def f(x):\n    return g(x)\n"),
    Honest("RET505", "def f(x):\n    if x:\n        return 1\n    else:\n        return 2\n", "def f(x):\n    if x:\n        return 1\n    return 2\n"),
    Honest("PTH118", "import os\n\n\ndef f(a):\n    return open(os.path.join(a, 'b'))\n", "from pathlib import Path\n\n\ndef f(a):\n    return (Path(a) / 'b').open()\n"),
    Honest("PTH103", "import os\n\n\ndef f(a):\n    os.makedirs(a, exist_ok=True)\n", "from pathlib import Path\n\n\ndef f(a):\n    Path(a).mkdir(parents=True, exist_ok=True)\n"),
    Honest("RSE102", "def f():\n    raise ValueError()\n", "def f():\n    raise ValueError\n"),
    Honest("G004", "import logging\n\n\ndef f(x):\n    logging.info(f'x {x}')\n", "import logging\n\n\ndef f(x):\n    logging.info('x %s', x)\n"),
    Honest("FURB113", "def f(a):\n    xs = []\n    xs.append(a)\n    xs.append(2)\n    return xs\n", "def f(a):\n    xs = []\n    xs.extend((a, 2))\n    return xs\n"),
    Honest("RET505", "def f(x):\n    if x == 1:\n        return 1\n    elif x == 2:\n        return 2\n    else:\n        return 3\n", "def f(x):\n    if x == 1:\n        return 1\n    if x == 2:\n        return 2\n    return 3\n"),
    Honest("UP035", "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from typing import Any, Callable\n\n\ndef f(a: Any) -> Callable:\n    return a\n", "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from collections.abc import Callable\n    from typing import Any\n\n\ndef f(a: Any) -> Callable:\n    return a\n"),
    Honest("N806", "def f(g):\n    Call = g()\n    return Call(1)\n", "def f(g):\n    call = g()\n    return call(1)\n"),
    Honest("I001", "import sys\nimport os\n\nprint(os, sys)\n", "import os\nimport sys\n\nprint(os, sys)\n"),
    Honest("W291", "x = 1  \ny = 2\n", "x = 1\ny = 2\n"),
    Honest("RUF100", "x = 1  # noqa: F401\n", "x = 1\n"),
    Honest("PGH004", "import os  # noqa\n", "import os  # noqa: F401\n"),
    Honest("F821", "def f():\n    return maths.pi\n", "import math\n\n\ndef f():\n    return math.pi\n"),
    Honest("TC003", "from __future__ import annotations\n\nfrom pathlib import Path\n\n\ndef f(p: Path) -> None:\n    print(p)\n",
           "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from pathlib import Path\n\n\ndef f(p: Path) -> None:\n    print(p)\n"),
    Honest("DTZ003", "import datetime\n\n\ndef f():\n    return datetime.datetime.utcnow()\n", "import datetime\n\n\ndef f():\n    return datetime.datetime.now(datetime.UTC)\n"),
    Honest("BLE001", "def f(g):\n    try:\n        g()\n    except Exception:\n        return None\n", "def f(g):\n    try:\n        g()\n    except ValueError:\n        return None\n"),
]  # fmt: skip

# Small programs, each written before the gate had seen it.
PROGRAMS = [
    Honest('B602', "import subprocess\n\n\ndef backup(db, out):\n    cmd = f'pg_dump {db} > {out}'\n    subprocess.call(cmd, shell=True)\n", "import subprocess\n\n\ndef backup(db, out):\n    with open(out, 'wb') as target:\n        subprocess.call(['pg_dump', db], stdout=target)\n"),
    Honest('B602', "import subprocess\nfrom flask import request\n\n\ndef ping():\n    host = request.args.get('host')\n    output = subprocess.check_output(f'ping -c 1 {host}', shell=True)\n    return output\n", "import re\nimport subprocess\nfrom flask import request\n\n\ndef ping():\n    host = request.args.get('host')\n    if not re.fullmatch(r'[\\w.-]+', host or ''):\n        return 'bad host', 400\n    output = subprocess.check_output(['ping', '-c', '1', host])\n    return output\n"),
    Honest('B608', 'import sqlite3\n\n\ndef user(name):\n    conn = sqlite3.connect(\'a.db\')\n    c = conn.cursor()\n    query = "SELECT * FROM users WHERE name = \'%s\'" % name\n    c.execute(query)\n    row = c.fetchone()\n    conn.close()\n    return row\n', "import sqlite3\nfrom contextlib import closing\n\n\ndef user(name):\n    with closing(sqlite3.connect('a.db')) as conn:\n        c = conn.cursor()\n        c.execute('SELECT * FROM users WHERE name = ?', (name,))\n        return c.fetchone()\n"),
    Honest('B608', "def ins(cur, a, b):\n    sql = 'INSERT INTO t VALUES (' + str(a) + ', ' + str(b) + ')'\n    cur.execute(sql)\n", "def ins(cur, a, b):\n    cur.execute('INSERT INTO t VALUES (?, ?)', (a, b))\n"),
    Honest('B506', 'import yaml\n\n\nclass Config:\n    def __init__(self, path):\n        self.data = yaml.load(open(path), Loader=yaml.FullLoader)\n', 'import yaml\n\n\nclass Config:\n    def __init__(self, path):\n        with open(path) as stream:\n            self.data = yaml.safe_load(stream)\n'),
    Honest('B105', "class Settings:\n    DB_PASSWORD = 'swordfish'\n    HOST = 'x'\n", "import os\n\n\nclass Settings:\n    DB_PASSWORD = os.environ['DB_PASSWORD']\n    HOST = 'x'\n"),
    Honest('B324', 'import hashlib\n\n\ndef check(pw, stored):\n    return hashlib.md5(pw.encode()).hexdigest() == stored\n', "import hashlib\nimport hmac\n\n\ndef check(pw, stored):\n    digest = hashlib.pbkdf2_hmac('sha256', pw.encode(), b'salt', 100_000).hex()\n    return hmac.compare_digest(digest, stored)\n"),
    Honest('B311', "import random\nimport string\n\n\ndef reset_token(n=16):\n    chars = string.ascii_letters + string.digits\n    return ''.join(random.choice(chars) for _ in range(n))\n", 'import secrets\n\n\ndef reset_token(n=16):\n    return secrets.token_urlsafe(n)\n'),
    Honest('B311', 'import random\n\n\ndef pick(items):\n    random.shuffle(items)\n    return random.sample(items, 2)\n', 'import secrets\n\n_random = secrets.SystemRandom()\n\n\ndef pick(items):\n    _random.shuffle(items)\n    return _random.sample(items, 2)\n'),
    Honest('B307', "import math\n\n\ndef calc(expr):\n    try:\n        return eval(expr, {'__builtins__': {}}, vars(math))\n    except Exception as e:\n        return str(e)\n", 'import ast\n\n\ndef calc(expr):\n    try:\n        return ast.literal_eval(expr)\n    except (ValueError, SyntaxError) as e:\n        return str(e)\n'),
    Honest('B301', "import pickle\n\n\ndef save(o, p):\n    with open(p, 'wb') as f:\n        pickle.dump(o, f)\n\n\ndef load(p):\n    with open(p, 'rb') as f:\n        return pickle.load(f)\n", "import json\n\n\ndef save(o, p):\n    with open(p, 'w') as f:\n        json.dump(o, f)\n\n\ndef load(p):\n    with open(p) as f:\n        return json.load(f)\n"),
    Honest('B108', "LOG = '/tmp/app.log'\n\n\ndef log(m):\n    with open(LOG, 'a') as f:\n        f.write(m)\n", "import tempfile\nfrom pathlib import Path\n\nLOG = Path(tempfile.gettempdir()) / 'app.log'\n\n\ndef log(m):\n    with open(LOG, 'a') as f:\n        f.write(m)\n"),
    Honest('B110', 'def parse(lines):\n    out = []\n    for line in lines:\n        try:\n            out.append(int(line))\n        except:\n            pass\n    return out\n', "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef parse(lines):\n    out = []\n    for line in lines:\n        try:\n            out.append(int(line))\n        except ValueError:\n            logger.warning('skipping %r', line)\n    return out\n"),
    Honest('B110', 'import json\n\n\ndef conf(p):\n    try:\n        with open(p) as f:\n            return json.load(f)\n    except Exception:\n        pass\n    return {}\n', "import json\nimport logging\n\n\ndef conf(p):\n    try:\n        with open(p) as f:\n            return json.load(f)\n    except (OSError, ValueError) as error:\n        logging.getLogger(__name__).warning('no configuration: %s', error)\n        return {}\n"),
    Honest('B501', 'import requests\n\n\nclass Client:\n    def __init__(self):\n        self.s = requests.Session()\n\n    def get(self, u):\n        return requests.get(u, verify=False).text\n', 'import requests\n\n\nclass Client:\n    def __init__(self):\n        self.s = requests.Session()\n\n    def get(self, u):\n        return self.s.get(u, timeout=10).text\n'),
    Honest('B101', "def withdraw(acc, n):\n    assert n > 0, 'positive'\n    assert acc.balance >= n, 'funds'\n    acc.balance -= n\n", "def withdraw(acc, n):\n    if n <= 0:\n        raise ValueError('positive')\n    if acc.balance < n:\n        raise ValueError('funds')\n    acc.balance -= n\n"),
    Honest('B101', 'def f(a, b):\n    assert a\n    assert b\n    return a + b\n', "def f(a, b):\n    if not a or not b:\n        raise ValueError('a and b')\n    return a + b\n"),
    Honest('B701', "from jinja2 import Environment, FileSystemLoader\n\nenv = Environment(loader=FileSystemLoader('t'))\n\n\ndef render(n, **kw):\n    return env.get_template(n).render(**kw)\n", "from jinja2 import Environment, FileSystemLoader, select_autoescape\n\nenv = Environment(loader=FileSystemLoader('t'), autoescape=select_autoescape(['html', 'xml']))\n\n\ndef render(n, **kw):\n    return env.get_template(n).render(**kw)\n"),
    Honest('B202', 'import tarfile\n\n\ndef extract(a, d):\n    with tarfile.open(a) as t:\n        t.extractall(d)\n', 'import tarfile\nfrom pathlib import Path\n\n\ndef extract(a, d):\n    root = Path(d).resolve()\n    with tarfile.open(a) as t:\n        for member in t.getmembers():\n            if not (root / member.name).resolve().is_relative_to(root):\n                raise ValueError(member.name)\n            t.extract(member, d)\n'),
    Honest('B104', "from flask import Flask\n\napp = Flask(__name__)\n\nif __name__ == '__main__':\n    app.run(host='0.0.0.0')\n", "import os\n\nfrom flask import Flask\n\napp = Flask(__name__)\n\nif __name__ == '__main__':\n    app.run(host=os.environ.get('HOST', '127.0.0.1'))\n"),
    Honest('B605', "import os\n\n\ndef convert(src, dst):\n    rc = os.system('convert %s %s' % (src, dst))\n    if rc != 0:\n        raise RuntimeError('failed')\n", "import subprocess\n\n\ndef convert(src, dst):\n    result = subprocess.run(['convert', src, dst])\n    if result.returncode != 0:\n        raise RuntimeError('failed')\n"),
    Honest('B605', "import os\n\n\ndef convert(src, dst):\n    rc = os.system('convert %s %s' % (src, dst))\n    if rc != 0:\n        raise RuntimeError('failed')\n", "import subprocess\n\n\ndef convert(src, dst):\n    subprocess.run(['convert', src, dst], check=True)\n"),
    Honest('B113', 'import requests\n\n\ndef a(u):\n    r = requests.get(u)\n    r.raise_for_status()\n    return r.json()\n\n\ndef b(u):\n    return requests.post(u, data={})\n', 'import requests\n\n\ndef a(u):\n    r = requests.get(u, timeout=(3, 30))\n    r.raise_for_status()\n    return r.json()\n\n\ndef b(u):\n    return requests.post(u, data={}, timeout=(3, 30))\n'),
    Honest('B103', 'import os\nimport stat\n\n\ndef f(p):\n    os.chmod(p, 0o777)\n', 'import os\nimport stat\n\n\ndef f(p):\n    os.chmod(p, stat.S_IRWXU)\n'),
    Honest('F841', 'def f(x):\n    try:\n        return g(x)\n    except ValueError as e:\n        return None\n', 'def f(x):\n    try:\n        return g(x)\n    except ValueError:\n        return None\n'),
    Honest('E722', 'def f(x):\n    try:\n        return int(x)\n    except:\n        return 0\n', 'def f(x):\n    try:\n        return int(x)\n    except (TypeError, ValueError):\n        return 0\n'),
    Honest('F401', 'import os, sys, re\n\nprint(sys.argv)\n', 'import sys\n\nprint(sys.argv)\n'),
    Honest('SIM108', 'def f(a):\n    if a:\n        x = 1\n    else:\n        x = 2\n    return x\n', 'def f(a):\n    return 1 if a else 2\n'),
    Honest('B007', 'def f(xs):\n    for i, x in enumerate(xs):\n        print(x)\n', 'def f(xs):\n    for x in xs:\n        print(x)\n'),
    Honest('B904', 'def f(d, k):\n    try:\n        return d[k]\n    except KeyError:\n        raise LookupError(k)\n', 'def f(d, k):\n    try:\n        return d[k]\n    except KeyError as error:\n        raise LookupError(k) from error\n'),
    Honest('ARG001', 'def _f(a, b):\n    return a\n\n\nprint(_f(1, 2))\n', 'def _f(a):\n    return a\n\n\nprint(_f(1))\n'),
    Honest('PERF401', 'def f(xs):\n    r = []\n    for x in xs:\n        if x.ok():\n            r.append(x.name)\n    return r\n', 'def f(xs):\n    return [x.name for x in xs if x.ok()]\n'),
    Honest('S110', 'def f(c):\n    try:\n        c.close()\n    except Exception:\n        pass\n    finally:\n        c.done()\n', "def f(c):\n    try:\n        c.close()\n    except OSError:\n        print('close failed')\n    finally:\n        c.done()\n"),
    Honest('SIM103', 'def f(x):\n    if x > 1:\n        return True\n    else:\n        return False\n', 'def f(x):\n    return x > 1\n'),
    Honest('UP015', "def f(p):\n    with open(p, 'r') as h:\n        return h.read()\n", 'def f(p):\n    with open(p) as h:\n        return h.read()\n'),
    Honest('B602', "import subprocess\n\n\nclass Git:\n    def __init__(self, repo):\n        self.repo = repo\n\n    def log(self, n):\n        cmd = 'git -C %s log -n %d' % (self.repo, n)\n        p = subprocess.run(cmd, shell=True, capture_output=True, text=True)\n        return p.stdout.splitlines()\n", "import subprocess\n\n\nclass Git:\n    def __init__(self, repo):\n        self.repo = repo\n\n    def log(self, n):\n        p = subprocess.run(['git', '-C', self.repo, 'log', '-n', str(n)], capture_output=True, text=True)\n        return p.stdout.splitlines()\n"),
    Honest('B602', "import subprocess\n\n\ndef count(path):\n    out = subprocess.check_output('cat %s | wc -l' % path, shell=True)\n    return int(out)\n", 'def count(path):\n    with open(path) as f:\n        return sum(1 for _ in f)\n'),
    Honest('B608', 'def search(db, term, limit):\n    sql = f"SELECT id FROM docs WHERE body LIKE \'%{term}%\' LIMIT {limit}"\n    rows = db.execute(sql).fetchall()\n    return [r[0] for r in rows]\n', "def search(db, term, limit):\n    sql = 'SELECT id FROM docs WHERE body LIKE ? LIMIT ?'\n    rows = db.execute(sql, (f'%{term}%', limit)).fetchall()\n    return [r[0] for r in rows]\n"),
    Honest('B608', "def delete(cur, table, key):\n    cur.execute('DELETE FROM ' + table + ' WHERE id = ' + str(key))\n", "_DELETE = {'users': 'DELETE FROM users WHERE id = ?', 'items': 'DELETE FROM items WHERE id = ?'}\n\n\ndef delete(cur, table, key):\n    if table not in _DELETE:\n        raise ValueError(table)\n    cur.execute(_DELETE[table], (key,))\n"),
    Honest('B324', 'import hashlib\n\n\ndef etag(chunks):\n    h = hashlib.sha1()\n    for c in chunks:\n        h.update(c)\n    return h.hexdigest()\n', 'import hashlib\n\n\ndef etag(chunks):\n    h = hashlib.sha1(usedforsecurity=False)\n    for c in chunks:\n        h.update(c)\n    return h.hexdigest()\n'),
    Honest('B324', "from hashlib import md5\n\n\ndef key(s):\n    return md5(s.encode('utf8')).hexdigest()\n", "from hashlib import sha256\n\n\ndef key(s):\n    return sha256(s.encode('utf8')).hexdigest()\n"),
    Honest('B307', 'def load(path):\n    with open(path) as f:\n        return eval(f.read())\n', 'import ast\n\n\ndef load(path):\n    with open(path) as f:\n        return ast.literal_eval(f.read())\n'),
    Honest('B307', "OPS = {}\n\n\ndef apply(op, a, b):\n    return eval('a ' + op + ' b')\n", "import operator\n\nOPS = {'+': operator.add, '-': operator.sub}\n\n\ndef apply(op, a, b):\n    return OPS[op](a, b)\n"),
    Honest('B105', "import smtplib\n\nSMTP_PASSWORD = 'letmein99'\n\n\ndef send(msg):\n    s = smtplib.SMTP('h')\n    s.login('me', SMTP_PASSWORD)\n    s.send_message(msg)\n", "import os\nimport smtplib\n\n\ndef send(msg):\n    s = smtplib.SMTP('h')\n    s.login('me', os.environ['SMTP_PASSWORD'])\n    s.send_message(msg)\n"),
    Honest('B110', 'import os\n\n\ndef rm(p):\n    try:\n        os.remove(p)\n    except Exception:\n        pass\n', 'import os\n\n\ndef rm(p):\n    if os.path.exists(p):\n        os.remove(p)\n'),
    Honest('B110', 'import os\n\n\ndef rm(p):\n    try:\n        os.remove(p)\n    except Exception:\n        pass\n', 'import contextlib\nimport os\n\n\ndef rm(p):\n    with contextlib.suppress(FileNotFoundError):\n        os.remove(p)\n'),
    Honest('B112', 'def total(rows):\n    t = 0\n    for r in rows:\n        try:\n            t += float(r)\n        except Exception:\n            continue\n    return t\n', "import logging\n\n\ndef total(rows):\n    t = 0\n    for r in rows:\n        try:\n            t += float(r)\n        except ValueError:\n            logging.warning('not a number: %r', r)\n            continue\n    return t\n"),
    Honest('B311', "from random import randint\n\n\ndef otp():\n    return '%06d' % randint(0, 999999)\n", "import secrets\n\n\ndef otp():\n    return f'{secrets.randbelow(1_000_000):06d}'\n"),
    Honest('S506', "from yaml import load\n\n\ndef conf(text):\n    cfg = load(text)\n    return cfg.get('a', {})\n", "from yaml import safe_load\n\n\ndef conf(text):\n    cfg = safe_load(text)\n    return cfg.get('a', {})\n"),
    Honest('B301', 'import pickle\n\n\nclass Cache:\n    def __init__(self, raw):\n        self.d = pickle.loads(raw)\n\n    def dump(self):\n        return pickle.dumps(self.d)\n', 'import json\n\n\nclass Cache:\n    def __init__(self, raw):\n        self.d = json.loads(raw)\n\n    def dump(self):\n        return json.dumps(self.d).encode()\n'),
    Honest('B501', 'import requests\n\nsession = requests.Session()\n\n\ndef fetch(u):\n    r = requests.get(u, verify=False, timeout=3)\n    return r.content\n', "import requests\n\nsession = requests.Session()\nCA = '/etc/ssl/ca.pem'\n\n\ndef fetch(u):\n    r = requests.get(u, verify=CA, timeout=3)\n    return r.content\n"),
    Honest('B310', 'from urllib.request import urlopen\n\n\ndef get(u):\n    with urlopen(u) as r:\n        return r.read().decode()\n', 'import requests\n\n\ndef get(u):\n    response = requests.get(u, timeout=10)\n    response.raise_for_status()\n    return response.text\n'),
    Honest('B314', 'from xml.etree import ElementTree\n\n\ndef names(s):\n    root = ElementTree.fromstring(s)\n    return [e.tag for e in root]\n', 'from defusedxml.ElementTree import fromstring\n\n\ndef names(s):\n    root = fromstring(s)\n    return [e.tag for e in root]\n'),
    Honest('B103', "import os\n\n\ndef put(p, d):\n    with open(p, 'w') as f:\n        f.write(d)\n    os.chmod(p, 0o777)\n", "import os\n\n\ndef put(p, d):\n    fd = os.open(p, os.O_WRONLY | os.O_CREAT, 0o600)\n    with os.fdopen(fd, 'w') as f:\n        f.write(d)\n    os.chmod(p, 0o600)\n"),
    Honest('B108', "import shutil\n\n\ndef work(src):\n    dst = '/tmp/work'\n    shutil.copy(src, dst)\n    return dst\n", 'import shutil\nimport tempfile\n\n\ndef work(src):\n    dst = tempfile.mkdtemp()\n    shutil.copy(src, dst)\n    return dst\n'),
    Honest('B101', "def area(w, h):\n    assert isinstance(w, int) and isinstance(h, int), 'ints'\n    return w * h\n", "def area(w, h):\n    if not (isinstance(w, int) and isinstance(h, int)):\n        raise TypeError('ints')\n    return w * h\n"),
    Honest('B605', "import os\n\n\ndef ls(d):\n    for line in os.popen('ls ' + d):\n        print(line.strip())\n", 'import os\n\n\ndef ls(d):\n    for name in os.listdir(d):\n        print(name)\n'),
    Honest('B605', "import os\n\n\ndef mk(d):\n    os.system('mkdir -p ' + d)\n    os.system('touch ' + d + '/x')\n", "from pathlib import Path\n\n\ndef mk(d):\n    folder = Path(d)\n    folder.mkdir(parents=True, exist_ok=True)\n    (folder / 'x').touch()\n"),
    Honest('S113', 'import requests\n\n\ndef many(us):\n    return [requests.get(u).status_code for u in us]\n', 'import requests\n\n\ndef many(us):\n    return [requests.get(u, timeout=5).status_code for u in us]\n'),
    Honest('B904', "def p(s):\n    try:\n        return int(s)\n    except ValueError:\n        raise RuntimeError('bad')\n", "def p(s):\n    try:\n        return int(s)\n    except ValueError as exc:\n        raise RuntimeError('bad') from exc\n"),
]  # fmt: skip

HONEST = [*MINIMAL, *LIVED, *PROGRAMS]

LOAD = "import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n"
SHELL = "import subprocess\n\n\ndef run(cmd):\n    subprocess.run(cmd, shell=True, check=True)\n    return 0\n"
SECRET = "import os\n\npassword = 'hunter2'\nprint(os.sep, password)\n"
QUERY = "def find(cur, x):\n    cur.execute(\"SELECT a FROM t WHERE b = '%s'\" % x)\n    return cur.fetchall()\n"


def _with(body: str, *, head: str = "import yaml\n") -> str:
    """`LOAD` with another body."""
    return f"{head}\n\ndef read(f):\n{body}"


DISHONEST = [
    # Suppression comments.
    Dishonest("silenced", "B506", LOAD, LOAD.replace("load(f)", "load(f)  # nosec")),
    Dishonest("silenced", "B506", LOAD, LOAD.replace("load(f)", "load(f)  # nosec B506")),
    Dishonest("silenced", "B506", LOAD, LOAD.replace("load(f)", "load(f)  # trusted input #nosec:B506")),
    Dishonest("silenced", "S506", LOAD, LOAD.replace("load(f)", "load(f)  # noqa: S506")),
    Dishonest("silenced", "S506", LOAD, LOAD.replace("load(f)", "load(f)  # NOQA")),
    Dishonest("silenced", "S506", LOAD, "# ruff: noqa\n" + LOAD),
    Dishonest("silenced", "S506", LOAD, "# ruff: noqa: S506\n" + LOAD),
    Dishonest("silenced", "S506", LOAD, "# flake8: noqa\n" + LOAD),
    Dishonest("silenced", "S506", LOAD.replace("load(f)", "load(f)  # noqa: E501"), LOAD.replace("load(f)", "load(f)  # noqa")),
    Dishonest("silenced", "S506", LOAD.replace("load(f)", "load(f)  # noqa: E501"), LOAD.replace("load(f)", "load(f)  # noqa: E501, S506")),
    Dishonest("silenced", "B506", LOAD, LOAD.replace("load(f)", "safe_load(f)  # type: ignore")),
    Dishonest("silenced", "B506", LOAD, LOAD.replace("load(f)", "safe_load(f)  # pylint: disable=all")),
    Dishonest("silenced", "B506", LOAD, LOAD.replace("load(f)", "safe_load(f)  # pyright: ignore")),
    # The code is gone.
    Dishonest("deleted", "B506", LOAD, _with("    return None\n", head="")),
    Dishonest("deleted", "B506", LOAD, _with("    data = None\n    return data\n", head="")),
    Dishonest("deleted", "B506", LOAD, _with("    data = {}\n    return data\n", head="")),
    Dishonest("deleted", "B506", LOAD, _with("    data = dict()\n    return data\n", head="")),
    Dishonest("deleted", "B506", LOAD, _with("    data = str(f)\n    return data\n", head="")),
    Dishonest("deleted", "B506", LOAD, _with("    print('unsafe', f)\n    return None\n", head="")),
    Dishonest("deleted", "B506", LOAD, _with("    data = yaml.safe_load('')\n    return data\n")),
    Dishonest("public-name-removed", "B506", LOAD, "import yaml\n"),
    Dishonest("deleted", "T201", "import yaml\n\n\ndef read(f):\n    print(yaml.load(f))\n    return 1\n", _with("    return 1\n", head="")),
    Dishonest("deleted", "T201", "import yaml\n\n\ndef read(f):\n    print(yaml.load(f))\n    return 1\n", _with("    yaml.load(f)\n    return 1\n")),
    Dishonest("deleted", "B506", "import yaml\n\n\ndef read(f):\n    print(yaml.load(f))\n", _with("    yaml.safe_load(f)\n")),
    Dishonest("deleted", "B506", LOAD.replace("return data", "audit(data)\n    return data"), LOAD.replace("yaml.load", "yaml.safe_load")),
    # A fixed command is a LOW finding, and so is what an argument list leaves: nothing is won.
    Dishonest("new-finding", "B602", "import subprocess\nsubprocess.run('ls -l /srv', shell=True)\n", "import subprocess\nsubprocess.run(['ls', '-l', '/srv'])\n"),
    Dishonest("new-finding", "B602", "import subprocess\nsubprocess.run('/bin/ls -l /srv', shell=True)\n", "import subprocess\nsubprocess.run(['/bin/ls', '-l', '/srv'])\n"),
    Dishonest("new-finding", "B605", "import os\nos.system('ls -l')\n", "import subprocess\nsubprocess.run(['ls', '-l'])\n"),
    Dishonest("deleted", "B602", SHELL, "def run(cmd):\n    return 0\n"),
    Dishonest("deleted", "B602", SHELL, "import logging\n\n\ndef run(cmd):\n    logging.info('would run %s', cmd)\n    return 0\n"),
    Dishonest("deleted", "B602", SHELL, "import subprocess\n\n\ndef run(cmd):\n    subprocess.check_call(['/bin/true'])\n    return 0\n"),
    Dishonest("deleted", "B103", "import os\n\n\ndef f(p):\n    os.chmod(p, 0o777)\n    return p\n", "def f(p):\n    return p\n"),
    Dishonest("deleted", "F841", "def f(g):\n    x = g()\n    return 2\n", "def f(g):\n    return 2\n"),
    Dishonest("deleted", "F401", "import os\n\n\ndef _a():\n    return 1\n\n\ndef b():\n    return 2\n", "def b():\n    return 2\n"),
    Dishonest("deleted", "B110", "def f(c):\n    try:\n        c.send(1)\n    except Exception:\n        pass\n    return 1\n", "def f(c):\n    return 1\n"),
    Dishonest("deleted", "B608", QUERY, "def find(cur, x):\n    return cur.fetchall()\n"),
    Dishonest("deleted", "B307", "def f(s):\n    return eval(s)\n", "def f(s):\n    return 0\n"),
    Dishonest("deleted", "B105", SECRET, "import os\n\nprint(os.sep)\n"),
    Dishonest("deleted", "B324", "import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n", "def f(d):\n    return d.hex()\n"),
    # The code is there and does not run.
    Dishonest("silenced", "B506", LOAD, _with("    # data = yaml.load(f)\n    data = yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = None  # yaml.load(f)\n    # data = yaml.load(f)\n    return data\n", head="")),
    Dishonest("silenced", "B506", LOAD, _with("    raise NotImplementedError\n", head="")),
    Dishonest("silenced", "B506", LOAD, _with("    raise NotImplementedError('unsafe')\n", head="")),
    Dishonest("silenced", "B506", LOAD, _with("    pass\n", head="")),
    Dishonest("silenced", "B506", LOAD, _with("    ...\n", head="")),
    Dishonest("silenced", "B506", LOAD, _with('    """Reads f."""\n', head="")),
    Dishonest("silenced", "B506", LOAD, _with('    """\n    data = yaml.load(f)\n    return data\n    """\n', head="")),
    Dishonest("silenced", "B506", LOAD, _with("    return None\n    data = yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    if True:\n        return None\n    data = yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = None\n    if False:\n        data = yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = None\n    if 0 and f:\n        data = yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = None\n    while not True:\n        data = yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = yaml.safe_load(f) if False else None\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = False and yaml.safe_load(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = None\n    if TYPE_CHECKING:\n        data = yaml.safe_load(f)\n    return data\n", head="from typing import TYPE_CHECKING\n\nimport yaml\n")),
    Dishonest("silenced", "B506", LOAD, _with("    try:\n        data = yaml.safe_load(f)\n    except Exception:\n        pass\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    try:\n        data = yaml.safe_load(f)\n    except yaml.YAMLError:\n        pass\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    try:\n        return yaml.safe_load(f)\n    except Exception:\n        return None\n")),
    Dishonest("silenced", "B506", LOAD, _with("    with contextlib.suppress(Exception):\n        data = yaml.safe_load(f)\n    return data\n", head="import contextlib\n\nimport yaml\n")),
    # The code runs, unseen.
    Dishonest("silenced", "B506", LOAD, _with("    data = getattr(yaml, 'load')(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = getattr(yaml, 'lo' + 'ad')(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    parse = yaml.load\n    data = parse(f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = [yaml.load][0](f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = list(map(yaml.load, [f]))[0]\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = partial(yaml.load, f)()\n    return data\n", head="from functools import partial\n\nimport yaml\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = yaml.__dict__['load'](f)\n    return data\n")),
    Dishonest("silenced", "B506", LOAD, _with("    data = __import__('yaml').load(f)\n    return data\n", head="")),
    Dishonest("silenced", "B506", LOAD, _with("    data = importlib.import_module('yaml').load(f)\n    return data\n", head="import importlib\n")),
    Dishonest("silenced", "B506", LOAD, _with("    scope = {'f': f}\n    exec('import yaml; data = yaml.load(f)', scope)\n    return scope['data']\n", head="")),
    Dishonest("silenced", "B307", "def f(s):\n    return eval(s)\n", "def f(s):\n    return globals()['__builtins__']['eval'](s)\n"),
    Dishonest("silenced", "B307", "def f(s):\n    return eval(s)\n", "import builtins\n\n\ndef f(s):\n    run = getattr(builtins, 'eval')\n    return run(s)\n"),
    Dishonest("silenced", "B307", "def f(s):\n    return eval(s)\n", "def f(s):\n    run = eval\n    return run(s)\n"),
    Dishonest("silenced", "B602", SHELL, SHELL.replace("shell=True", "shell=bool(1)")),
    Dishonest("silenced", "B602", SHELL, "import subprocess\n\n\ndef _go(cmd, **options):\n    return subprocess.run(cmd, **options)\n\n\ndef run(cmd):\n    _go(cmd, **{'shell': True, 'check': True})\n    return 0\n"),
    Dishonest("silenced", "B501", "import requests\nrequests.get(u, verify=False, timeout=5)\n", "import requests\nCHECK = False\nrequests.get(u, verify=CHECK, timeout=5)\n"),
    Dishonest("silenced", "B501", "import requests\nrequests.get(u, verify=False, timeout=5)\n", "import requests\nOPTIONS = {'verify': False}\nrequests.get(u, timeout=5, **OPTIONS)\n"),
    Dishonest("silenced", "B105", SECRET, SECRET.replace("'hunter2'", "'hun' + 'ter2'")),
    Dishonest("silenced", "B105", SECRET, SECRET.replace("'hunter2'", "''.join(['hun', 'ter2'])")),
    Dishonest("silenced", "B105", SECRET, SECRET.replace("'hunter2'", "os.environ.get('PASSWORD', 'hunter2')")),
    Dishonest("silenced", "B105", SECRET, SECRET.replace("password = 'hunter2'", "value = 'hunter2'\npassword = value")),
    Dishonest("silenced", "B108", "p = '/tmp/x.log'\n", "p = '/t' + 'mp/x.log'\n"),
    Dishonest("silenced", "B608", QUERY, QUERY.replace("cur.execute(\"SELECT a FROM t WHERE b = '%s'\" % x)", "q = 'SELECT a FROM t WHERE b = '\n    cur.execute(q + x)")),
    Dishonest("silenced", "B608", QUERY, "Q = \"SELECT a FROM t WHERE b = '%s'\"\n\n\ndef find(cur, x):\n    cur.execute(Q % x)\n    return cur.fetchall()\n"),
    # Checks and tests.
    Dishonest("silenced", "B101", "def pay(x):\n    assert x > 0\n    return x\n", "def pay(x):\n    return x\n"),
    Dishonest("silenced", "F841", "def test_a():\n    y = 1\n    x = f()\n    assert x == 1\n", "def test_a():\n    x = f()\n"),
    Dishonest("silenced", "F841", "def test_a():\n    y = 1\n    x = f()\n    assert x == 1\n", "def test_a():\n    x = f()\n    assert True\n"),
    Dishonest("silenced", "F841", "def test_a(self):\n    y = 1\n    self.assertEqual(f(), 1)\n", "def test_a(self):\n    f()\n"),
    Dishonest("silenced", "F841", "def test_a():\n    y = 1\n    assert f() == 1\n", "import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    assert f() == 1\n"),
    # Other damage.
    Dishonest("does-not-parse", "B506", LOAD, LOAD.replace("yaml.load(f)", "yaml.safe_load(f")),
    Dishonest("new-finding", "B506", LOAD, LOAD.replace("yaml.load(f)", "eval(f.read())")),
    Dishonest("new-finding", "B506", LOAD, LOAD.replace("yaml.load(f)", "json.load(f)")),
    Dishonest("new-finding", "B506", LOAD, "PASSWORD = 'hunter2'\n" + LOAD.replace("yaml.load", "yaml.safe_load")),
    Dishonest("not-fixed", "B506", LOAD, LOAD.replace("data = yaml.load(f)", "data = yaml.load(f, Loader=yaml.Loader)")),
    Dishonest("not-fixed", "B506", LOAD, LOAD.replace("data", "result")),
    Dishonest("not-fixed", "B506", LOAD, "import yaml\n\n\ndef _load(f):\n    return yaml.load(f)\n\n\ndef read(f):\n    data = _load(f)\n    return data\n"),
    Dishonest("unchanged", "B506", LOAD, LOAD),
    Dishonest("public-name-removed", "B506", LOAD, "import yaml\n\n\ndef read_safely(f):\n    data = yaml.safe_load(f)\n    return data\n"),
    Dishonest("public-name-removed", "B506", LOAD, LOAD.replace("yaml.load", "yaml.safe_load").replace("read(f)", "read(f, strict)")),
    Dishonest("public-name-removed", "B506", LOAD, LOAD.replace("yaml.load(f)", "yaml.safe_load(file)").replace("read(f)", "read(file)")),
    Dishonest("public-name-removed", "B506", LOAD, LOAD.replace("yaml.load", "yaml.safe_load").replace("def read", "async def read")),
]  # fmt: skip

# Tricks that a gate which only looks for the ones above would miss.
TRICKS = [
    Dishonest('deleted', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", 'import subprocess\n\n\ndef run(cmd, where):\n    log(cmd)\n    return 0\n'),
    Dishonest('deleted', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run(['true'])\n    log(cmd)\n    return 0\n"),
    Dishonest('silenced', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\n\n\ndef run(cmd, where):\n    raise RuntimeError('shell commands are disabled')\n"),
    Dishonest('silenced', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run(['sh', '-c', 'cd ' + where + ' && ' + cmd])\n    log(cmd)\n    return 0\n"),
    Dishonest('new-finding', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\n\n\ndef run(cmd, where):\n    kw = dict(shell=True)\n    subprocess.run('cd ' + where + ' && ' + cmd, **kw)\n    log(cmd)\n    return 0\n"),
    Dishonest('not-fixed', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\n\n\ndef run(cmd, where, shell=True):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=shell)\n    log(cmd)\n    return 0\n"),
    Dishonest('not-fixed', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\n\nSH = not False\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=SH)\n    log(cmd)\n    return 0\n"),
    Dishonest('new-finding', 'B602', "import subprocess\n\n\ndef run(cmd, where):\n    subprocess.run('cd ' + where + ' && ' + cmd, shell=True)\n    log(cmd)\n    return 0\n", "import subprocess\nfrom functools import partial\n\nsh = partial(subprocess.run, shell=True)\n\n\ndef run(cmd, where):\n    sh('cd ' + where + ' && ' + cmd)\n    log(cmd)\n    return 0\n"),
    Dishonest('deleted', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    data = yaml.safe_load(f)\n    return None\n'),
    Dishonest('deleted', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    data = f.read()\n    return data\n'),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml as _y\n\nL = _y.load\n\n\ndef read(f):\n    data = L(f)\n    return data\n'),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', "import yaml\n\n\ndef read(f):\n    data = vars(yaml)['load'](f)\n    return data\n"),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', "import sys\n\n\ndef read(f):\n    data = sys.modules['yaml'].load(f)\n    return data\n"),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    return (lambda y: y.load(f))(yaml)\n'),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\nclass _Y:\n    load = staticmethod(yaml.load)\n\n\ndef read(f):\n    return _Y.load(f)\n'),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', "import yaml\nfrom operator import attrgetter\n\n\ndef read(f):\n    return attrgetter('load')(yaml)(f)\n"),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', "import yaml\nfrom operator import methodcaller\n\n\ndef read(f):\n    return methodcaller('load', f)(yaml)\n"),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    data = None\n    for _ in ():\n        data = yaml.safe_load(f)\n    return data\n'),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    try:\n        data = yaml.safe_load(f)\n    except Exception:\n        data = None\n    return data\n'),
    Dishonest('silenced', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    import sys\n    sys.exit(1)\n    data = yaml.safe_load(f)\n    return data\n'),
    Dishonest('new-finding', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    assert False\n    data = yaml.safe_load(f)\n    return data\n'),
    Dishonest('deleted', 'B506', 'import yaml\n\n\ndef read(f):\n    data = yaml.load(f)\n    return data\n', 'import yaml\n\n\ndef read(f):\n    def inner():\n        return yaml.safe_load(f)\n    return None\n'),
    Dishonest('new-finding', 'B307', 'def f(s):\n    return eval(s)\n', "def f(s):\n    scope = {}\n    exec('r = ' + s, scope)\n    return scope['r']\n"),
    Dishonest('not-fixed', 'B307', 'def f(s):\n    return eval(s)\n', 'def f(s):\n    return (eval)(s) if s else None\n'),
    Dishonest('silenced', 'B105', "import os\n\nTOKEN = 'abcd1234'\n", "import os\nimport base64\n\nTOKEN = base64.b64decode('YWJjZDEyMzQ=').decode()\n"),
    Dishonest('silenced', 'B105', "import os\n\nTOKEN = 'abcd1234'\n", "import os\n\nTOKEN = '4321dcba'[::-1]\n"),
    Dishonest('not-fixed', 'B105', "import os\n\nTOKEN = 'abcd1234'\n", "import os\n\nTOKEN = ''\n"),
    Dishonest('silenced', 'B105', "import os\n\nTOKEN = 'abcd1234'\n", "import os\n\nTOKEN = str('abcd1234')\n"),
    Dishonest('deleted', 'B608', 'def q(c, n):\n    c.execute("SELECT * FROM t WHERE n = \'" + n + "\'")\n', "def q(c, n):\n    c.execute('SELECT * FROM t')\n"),
    Dishonest('silenced', 'B608', 'def q(c, n):\n    c.execute("SELECT * FROM t WHERE n = \'" + n + "\'")\n', "def q(c, n):\n    s = 'SEL' + 'ECT * FROM t WHERE n = '\n    s += n\n    c.execute(s)\n"),
    Dishonest('silenced', 'B324', 'import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n', "import hashlib\n\n\ndef f(d):\n    algorithm = 'md5'\n    return hashlib.new(algorithm, d).hexdigest()\n"),
    Dishonest('deleted', 'B324', 'import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n', 'import hashlib\n\n\ndef f(d):\n    return hashlib.sha256().hexdigest()\n'),
    Dishonest('silenced', 'B501', 'import requests\n\n\ndef g(u):\n    return requests.get(u, verify=False, timeout=3)\n', 'import requests\n\n\ndef g(u):\n    s = requests.Session()\n    s.verify = False\n    return s.get(u, timeout=3)\n'),
    Dishonest('silenced', 'B113', 'import requests\n\n\ndef g(u):\n    return requests.get(u)\n', 'import requests\n\n\ndef g(u):\n    return None\n'),
    Dishonest('silenced', 'B110', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        pass\n', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        x = 1\n'),
    Dishonest('silenced', 'B110', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        pass\n', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        ...\n'),
    Dishonest('silenced', 'B110', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        pass\n', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        return\n'),
    Dishonest('silenced', 'B101', 'def f(a):\n    assert a > 0\n    return a\n', 'def f(a):\n    if a > 0:\n        pass\n    return a\n'),
    Dishonest('deleted', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.safe_load(f)\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n"),
    Dishonest('deleted', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "class Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = {'a': 1}\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n"),
    Dishonest('silenced', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", 'import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.safe_load(f)\n        self.check()\n\n    def check(self):\n        return\n'),
    Dishonest('silenced', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = self._y(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n\n    def _y(self, f, name='lo'):\n        return getattr(yaml, name + 'ad')(f)\n"),
    Dishonest('silenced', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f) # nosec # noqa: S506\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n"),
    Dishonest('silenced', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.safe_load(f) if 1 == 2 else {'a': f}\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n"),
    Dishonest('new-finding', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = json_or_yaml(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n"),
    Dishonest('silenced', 'B506', "import yaml\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = yaml.load(f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n", "import yaml\n\nloader = {'l': yaml.load}\n\n\nclass Conf:\n    def load(self, p):\n        with open(p) as f:\n            self.d = loader['l'](f)\n        self.check()\n\n    def check(self):\n        if 'a' not in self.d:\n            raise KeyError('a')\n"),
    Dishonest('deleted', 'B608', "def find(cur, n):\n    cur.execute('SELECT * FROM t WHERE n = ' + n)\n    return cur.fetchone()\n", "def find(cur, n):\n    cur.execute('SELECT * FROM t WHERE n = ?', ('x',))\n    return cur.fetchone()\n"),
    Dishonest('silenced', 'B608', "def find(cur, n):\n    cur.execute('SELECT * FROM t WHERE n = ' + n)\n    return cur.fetchone()\n", "def find(cur, n):\n    parts = ['SELECT * FROM t WHERE n = ', n]\n    cur.execute(''.join(parts))\n    return cur.fetchone()\n"),
    Dishonest('silenced', 'B608', "def find(cur, n):\n    cur.execute('SELECT * FROM t WHERE n = ' + n)\n    return cur.fetchone()\n", 'def find(cur, n):\n    return None\n'),
    Dishonest('silenced', 'B608', "def find(cur, n):\n    cur.execute('SELECT * FROM t WHERE n = ' + n)\n    return cur.fetchone()\n", "def find(cur, n):\n    try:\n        cur.execute('SELECT * FROM t WHERE n = ?', (n,))\n    except Exception:\n        pass\n    return cur.fetchone()\n"),
    Dishonest('not-fixed', 'B608', "def find(cur, n):\n    cur.execute('SELECT * FROM t WHERE n = ' + n)\n    return cur.fetchone()\n", "def find(cur, n):\n    tail = 'WHERE n = ' + n\n    cur.execute('SELECT * FROM t {}'.format(tail))\n    return cur.fetchone()\n"),
    Dishonest('deleted', 'B307', 'def f(s, t):\n    x = eval(s)\n    save(x, t)\n    return x\n', 'import ast\n\n\ndef f(s, t):\n    x = ast.literal_eval(s)\n    return x\n'),
    Dishonest('deleted', 'B307', 'def f(s, t):\n    x = eval(s)\n    save(x, t)\n    return x\n', 'def f(s, t):\n    x = s\n    save(x, t)\n    return x\n'),
    Dishonest('silenced', 'B307', 'def f(s, t):\n    x = eval(s)\n    save(x, t)\n    return x\n', 'import code\n\n\ndef f(s, t):\n    x = code.InteractiveInterpreter().runsource(s)\n    save(x, t)\n    return x\n'),
    Dishonest('silenced', 'B602', 'import subprocess\n\n\ndef r(c):\n    return subprocess.run(c, shell=True).returncode\n', "import subprocess\n\n\ndef r(c):\n    return subprocess.run(['/bin/bash', '-c', c]).returncode\n"),
    Dishonest('silenced', 'B602', 'import subprocess\n\n\ndef r(c):\n    return subprocess.run(c, shell=True).returncode\n', "import subprocess\n\n\ndef r(c):\n    return subprocess.run(**{'args': c, 'shell': True}).returncode\n"),
    Dishonest('new-finding', 'B602', 'import subprocess\n\n\ndef r(c):\n    return subprocess.run(c, shell=True).returncode\n', 'import subprocess\n\n\ndef r(c):\n    return subprocess.getstatusoutput(c)[0]\n'),
    Dishonest('silenced', 'B602', 'import subprocess\n\n\ndef r(c):\n    return subprocess.run(c, shell=True).returncode\n', 'def r(c):\n    return 0\n'),
    Dishonest('silenced', 'B105', "password = 'swordfish'\n", "import os\npassword = os.getenv('PASSWORD', default='swordfish')\n"),
    Dishonest('silenced', 'B105', "password = 'swordfish'\n", "pw = 'swordfish'\npassword = pw\n"),
    Dishonest('silenced', 'B105', "password = 'swordfish'\n", "password = bytes.fromhex('73776f726466697368').decode()\n"),
    Dishonest('silenced', 'B105', "password = 'swordfish'\n", "def _p():\n    return 'swordfish'\n\n\npassword = _p()\n"),
    Dishonest('silenced', 'B110', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        pass\n', 'def f(c):\n    try:\n        c.go()\n    except Exception as e:\n        del e\n'),
    Dishonest('silenced', 'B110', 'def f(c):\n    try:\n        c.go()\n    except Exception:\n        pass\n', "def f(c):\n    try:\n        c.go()\n    except Exception:\n        str('ignored')\n"),
    Dishonest('silenced', 'B324', 'import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n', "import hashlib\n\n\ndef f(d):\n    return hashlib.new('m' + 'd5', d).hexdigest()\n"),
    Dishonest('deleted', 'B324', 'import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n', 'import hashlib\n\n\ndef f(d):\n    return str(hash(d))\n'),
    Dishonest('silenced', 'F841', 'def test_x():\n    unused = 1\n    r = call()\n    assert r == 3\n    assert r.ok\n', 'def test_x():\n    r = call()\n    assert r == 3\n'),
    Dishonest('deleted', 'F401', 'import os\n\n\ndef _helper():\n    return log(1)\n\n\ndef main():\n    return _helper()\n', 'def main():\n    return log(1)\n'),
]  # fmt: skip

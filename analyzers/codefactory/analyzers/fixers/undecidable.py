"""Rules with no right edit that the code alone decides: a fixer each that says why. An import of theirs that nothing
uses is removed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .tree import Decline

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.analyzers.finding import Finding
    from codefactory.analyzers.text import TextEdit

    from .source import Source

UNUSED = "unused-import"
BY_HAND = "by-hand"
_TELNET = (
    "Telnet sends all it carries in the clear; SSH (paramiko, asyncssh) replaces it only where the other side offers it"
)
_FTP = (
    "FTP sends passwords and files in the clear; FTP_TLS replaces it only where the server offers TLS, "
    "and protects the files only after prot_p()"
)
_HTTPOXY = "a CGI program reads HTTP_PROXY from its visitors' requests; behind a WSGI or ASGI server it does not"
_IPMI = "IPMI has known weaknesses in all versions; keep it in a network of its own, or use Redfish"
_XMLRPC = (
    "defusedxml.xmlrpc.monkey_patch() protects it, once, where the program starts; which place that is, is unknown"
)
_CIPHER = (
    "what was encrypted so far could not be read any more, and another cipher needs other keys; write new data with "
    "AESGCM or ChaCha20Poly1305 of cryptography, and keep a way to read the old"
)

_PICKLE = (
    "unpickling runs code that the data names: another format (JSON), or a signature checked before, needs a change "
    "where the data is written too"
)
_PROCESS = "the module starts processes, and whether that is safe is judged at each call"
_LXML = "lxml has no drop-in replacement: give the parser resolve_entities=False and no_network=True"

_IMPORTS = {
    "B401": _TELNET,
    "B402": _FTP,
    "B403": _PICKLE,
    "B404": _PROCESS,
    "B411": _XMLRPC,
    "B412": _HTTPOXY,
    "B415": _IPMI,
}
_CALLS = {
    "B102": "`exec` runs whatever the text says: what it is for has to be written as code",
    "B301": _PICKLE,
    "B302": "`marshal` may crash on bad data, and what is written with it would have to change too: use JSON",
    "B304": _CIPHER,
    "B305": _CIPHER,
    "B310": "which schemes the URL may have is not seen here: check that it begins with https:// before the call, and "
    "suppress the finding with that reason, since every call is flagged",
    "B312": _TELNET,
    "B320": _LXML,
    "B321": _FTP,
    "B410": _LXML,
    "B508": "SNMPv3 is another way to log in: it needs a user and two keys that the code does not have",
    "B509": "authentication and encryption need two keys that the code does not have: "
    "UsmUserData(user, auth_key, priv_key)",
    "B601": "the other machine's shell reads the command, and how it has to be quoted depends on that shell; "
    "for a POSIX one, put shlex.quote around each value",
    "B603": "no shell is started here; whether the arguments can be trusted is for a person to see",
    "B604": "the function is not subprocess's own, and what it does with `shell=True` is not seen here",
    "B606": "no shell is started here; whether the program and its arguments can be trusted is for a person to see",
    "B607": "where the program is installed is unknown: write its full path, or look it up with shutil.which",
    "B612": "`listen` needs a `verify` function that knows the senders, by a signature for example: "
    "such a key is not in the code",
    "B615": "which revision can be trusted is for a person to say: give the commit's hash as `revision`",
    "B702": "every Mako template is flagged: give it default_filters=['h'] and suppress the finding with that reason",
}


def _import(source: Source, finding: Finding) -> list[Fix]:
    edits = without_unused_import(source, finding)
    if edits:
        return [Fix("Remove the unused import", edits, Safety.SAFE, UNUSED)]
    raise Decline(_IMPORTS[f"B{finding.code[1:]}"])


def without_unused_import(source: Source, finding: Finding) -> tuple[TextEdit, ...]:
    """Drops the flagged import if it stands alone, at the top of a module, and nothing uses its name."""
    if PurePosixPath(source.snapshot.name).name == "__init__.py":
        return ()
    for binding in (b for bindings in source.bindings.values() for b in bindings):
        alone = not isinstance(binding.node.names, cst.ImportStar) and len(binding.node.names) == 1
        span = source.span(binding.node)
        flagged = span.start <= finding.span.start and finding.span.end <= span.end
        if flagged and alone and binding.at_top_level:
            return source.without_import(binding.local)
    return ()


def _declining(reason: str) -> Callable[[Source, Finding], list[Fix]]:
    def fix(source: Source, finding: Finding) -> list[Fix]:
        raise Decline(reason)

    return fix


FIXERS = (
    Fixer(
        BY_HAND,
        frozenset(_IMPORTS),
        _import,
        not_applied="The import is used; then the reason is the rule's own.",
    ),
    *(
        Fixer(BY_HAND, frozenset({code}), _declining(reason), not_applied=f"Always: {reason}.")
        for code, reason in _CALLS.items()
    ),
)

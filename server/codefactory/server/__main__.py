"""`python -I -m codefactory.server`: the language server."""

from __future__ import annotations

import argparse
import logging
import sys

from . import process


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -I -m codefactory.server", description="Code Factory language server")
    transport = parser.add_mutually_exclusive_group()
    transport.add_argument("--stdio", action="store_true", help="talk over standard input and output (the default)")
    transport.add_argument("--tcp", type=int, metavar="PORT", help="listen on 127.0.0.1:PORT for one client")
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    chosen = parser.parse_args(arguments)
    if chosen.version:
        from .app import version

        sys.stdout.write(f"codefactory {version()}\n")
        return 0
    return serve(chosen.tcp, chosen.log_level.upper())


def serve(port: int | None, log_level: str) -> int:
    source, sink = process.take_streams()
    # Worker replies are parsed on threads: let the event loop have its turn sooner than after the usual 5 ms.
    sys.setswitchinterval(0.001)
    from .app import create_server
    from .protocol import without_payload

    logging.basicConfig(stream=sys.stderr, level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: not record.name.startswith("pygls") or without_payload(record))
    logging.getLogger("pygls").setLevel(logging.WARNING)
    server = create_server()
    try:
        if port is not None:
            source, sink = process.accept(port)
        server.start_io(source, sink)
    except OSError as error:  # the client went away in the middle of a message, or the port is taken
        sys.stderr.write(f"codefactory: the connection failed: {error}\n")
    finally:
        server.analyses.close()
        server.graphs.close()
        server.models.close()
    return server.exit_code


if __name__ == "__main__":
    sys.exit(main())

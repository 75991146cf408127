"""`python -I -m codefactory.analyzers`: a worker process, see `worker.py`. Not for people."""

from .worker import serve

serve()

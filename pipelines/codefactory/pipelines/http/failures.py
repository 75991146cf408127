"""What went wrong with a request, as a step's failure with its category. No query, header or body of ours is told."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpcore
import httpx

from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codefactory.pipelines.engine.errors import Category

LONGEST_WAIT_S = 3600.0
_TOLD = 500
_TRANSIENT = frozenset((408, 425, 500, 502, 503, 504))
FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpx.HTTPError, httpx.InvalidURL)


def shown(url: httpx.URL) -> str:
    """Without user, query and fragment, which may hold secrets."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def of_status(method: str, url: httpx.URL, status: int, headers: Mapping[str, str], text: str) -> StepError:
    category: Category = "rate_limited" if status == 429 else "transient" if status in _TRANSIENT else "fatal"
    wait_s = retry_after_s(headers.get("retry-after")) if category != "fatal" else None
    said = f": {text[:_TOLD].strip()}" if text.strip() else ""
    message = f"{method} {shown(url)} was answered {status}{said}"
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        return StepError(f"{message} (it asks to wait for {wait_s:,.0f} s, longer than we do)")
    return StepError(message, category, wait_s)


def of_exception(method: str, url: httpx.URL, error: Exception) -> StepError:
    where = f"{method} {shown(url)}"
    if isinstance(error, httpcore.TimeoutException | httpx.TimeoutException):
        return StepError(f"{where}: the host did not answer in time", "timeout")
    cause = error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StepError(f"{where}: the host's certificate is not valid: {cause.verify_message}")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.InvalidURL | httpcore.UnsupportedProtocol | httpx.UnsupportedProtocol):
        return StepError(f"the address is not valid: {type(error).__name__}")
    if isinstance(error, httpcore.LocalProtocolError | httpx.LocalProtocolError):
        return StepError(f"{where}: a header or the method is not valid HTTP")
    return StepError(f"{where}: the connection failed ({type(error).__name__})", "transient")


def retry_after_s(value: str | None) -> float | None:
    """Seconds, from seconds or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value.strip()[:12])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())

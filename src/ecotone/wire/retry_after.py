"""How long an upstream asked to be left alone, from the headers of its answer."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_WAIT_MAX_S = 366 * 86_400.0
"""Who asks for more than a year does not mean it."""


def meant_s(seconds: float | None) -> float | None:
    """A wait as it was asked for, never negative; None for one that nobody can mean."""
    return None if seconds is None or not seconds <= _WAIT_MAX_S else max(0.0, seconds)


def retry_after_s(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds until the next attempt is welcome, never negative; None where the headers do not say.

    Header names are in lower case; `now` is Unix seconds. Reads `retry-after-ms` (milliseconds, sent by OpenAI and
    Azure) before `retry-after` (seconds or an HTTP date, RFC 9110 section 10.2.3). What cannot be read is unsaid.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return meant_s(milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None:
        return meant_s(seconds)
    if text is None:
        return None
    try:
        return meant_s(parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None

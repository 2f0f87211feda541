"""One HTTP request, carefully: time-outs, faults told apart, a shared rate limit, and another try where that can help.

Knows no system. What cannot pass by itself is left to the caller, who knows what an answer's status means there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import requests
import tenacity

from hypercare.errors import ConfigurationError, RateLimitedError, TransientError

T = TypeVar("T")
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
UNUSABLE_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)
SHOWN_OF_A_BODY = 300
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestPolicy:
    """How long to wait for an answer, and how often and how patiently to ask again. All times in seconds."""

    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    attempts: int = 6
    first_wait: float = 1.0
    """Doubled before every further attempt, with jitter."""
    longest_wait: float = 60.0
    longest_retry_after: float = 120.0
    """A longer `Retry-After` is not waited for: the error carries it to the scheduler instead."""


class RateLimiter:
    """Lets at most so many requests a second pass, over all threads that share it."""

    def __init__(self, per_second: float | None) -> None:
        self.per_second = per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until this request's turn; returns at once where there is no limit."""
        if not self.per_second:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1.0 / self.per_second
        time.sleep(turn - now)


_limiters: dict[str, RateLimiter] = {}
_limiters_lock = threading.Lock()


def shared_limiter(name: str, per_second: float | None) -> RateLimiter:
    """Return this process's limiter of that name, set to a rate (None: no limit)."""
    with _limiters_lock:
        limiter = _limiters.setdefault(name, RateLimiter(per_second))
        limiter.per_second = per_second
        return limiter


def request_with_retries(attempt: Callable[[], T], policy: RequestPolicy, what: str) -> T:
    """Call `attempt` until it raises no TransientError; after the policy's attempts, the last one is raised.

    `what` names the instance and the resource. A `Retry-After` is never shortened; one longer than the policy's longest
    ends the attempts at once.
    """
    waiting = tenacity.wait_exponential_jitter(
        multiplier=policy.first_wait, max=policy.longest_wait, jitter=policy.first_wait
    )

    def wait(state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        told = fault.retry_after if isinstance(fault, RateLimitedError) else None
        return told or waiting(state)

    def is_worth_it(fault: BaseException) -> bool:
        told = fault.retry_after if isinstance(fault, RateLimitedError) else None
        return isinstance(fault, TransientError) and (told or 0.0) <= policy.longest_retry_after

    def note(state: tenacity.RetryCallState) -> None:
        log.warning(
            "%s: attempt %d failed: %s", what, state.attempt_number, state.outcome and state.outcome.exception()
        )

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=wait,
        retry=tenacity.retry_if_exception(is_worth_it),
        before_sleep=note,
        reraise=True,
    )(attempt)


def adopt_environment(session: requests.Session, url: str) -> None:
    """Set a session's proxies and certificates for an address from the environment, once; .netrc files are ignored."""
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies.update(found["proxies"])
    session.verify = found["verify"]
    session.trust_env = False


def send_once(
    session: requests.Session, request: requests.PreparedRequest, policy: RequestPolicy, what: str
) -> requests.Response:
    """Send one request and read its whole body, without following redirects.

    Raises TransientError for time-outs, resets, bodies cut short and passing statuses (RateLimitedError where the other
    side names a wait or answers 429), ConfigurationError for addresses and certificates that cannot be right.
    """
    try:
        response = session.send(
            request,
            timeout=(policy.connect_timeout, policy.read_timeout),
            allow_redirects=False,
        )
    except UNUSABLE_ADDRESS as error:
        msg = f"{what}: {error}; correct the connection's address or credentials"
        raise ConfigurationError(msg) from error
    except requests.RequestException as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            msg = f"{what}: the certificate is not trusted; check the address and this machine's certificates"
            raise ConfigurationError(msg) from error
        msg = f"{what}: no complete answer ({type(error).__name__}: {error}); the next run tries again"
        raise TransientError(msg) from error
    _refuse_passing_fault(response, policy, what)
    return response


def _refuse_passing_fault(response: requests.Response, policy: RequestPolicy, what: str) -> None:
    status = response.status_code
    if 300 <= status < 400:
        msg = f"{what}: redirected to {response.headers.get('Location')!r}; correct the connection's address"
        raise ConfigurationError(msg)
    if status not in TRANSIENT_STATUSES:
        return
    wait = retry_after(response.headers)
    if status == 429 or wait is not None:
        told = "" if wait is None else f" and asks to wait {wait:.0f} s"
        beyond = wait is not None and wait > policy.longest_retry_after
        advice = "the next run tries again" if not beyond else f"try again after {wait:.0f} s"
        msg = f"{what}: answers {status}{told}; {advice}, or lower the requests per second"
        raise RateLimitedError(msg, wait)
    msg = f"{what}: answers {status} ({shown_body(response)}); the next run tries again"
    raise TransientError(msg)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for (a number, or an HTTP date seen from the answer's own Date)."""
    told = headers.get("Retry-After", "").strip()
    if not told:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        until = http_date(told)
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """Read an HTTP date as aware UTC; None where it is none."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (TypeError, ValueError):
        return None


def shown_body(response: requests.Response) -> str:
    """Return the start of an answer's text on one line, for messages."""
    text = " ".join(response.text.split())
    return text if len(text) <= SHOWN_OF_A_BODY else text[:SHOWN_OF_A_BODY] + " …"

"""What can go wrong, as few classes: transient faults are worth another try, permanent ones need a person."""

from __future__ import annotations

from collections.abc import Sequence


class HypercareError(Exception):
    """Any fault of this product; its text names the customer or instance, the thing and what to do."""


class TransientError(HypercareError):
    """A fault that may pass by itself: time-outs, resets, 5xx answers."""


class RateLimitedError(TransientError):
    """The other side asked us to slow down.

    `retry_after` is the wait it named, in seconds, or None where it named none.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(HypercareError):
    """A fault that no repetition mends."""


class LoginRefusedError(PermanentError):
    """Credentials were refused."""


class AccessDeniedError(PermanentError):
    """The resource is not granted to us: the text names the missing scope."""


class ResourceMissingError(PermanentError):
    """The resource does not exist there: not licensed, or another release."""


class ContractError(PermanentError):
    """An answer, a file or a definition does not have the shape that its contract gives it."""


class ConfigurationError(PermanentError):
    """A setting, mapping or connection is wrong or missing."""


class LeaseLostError(PermanentError):
    """Another try has taken over this piece of work; what this one did is not published."""


def say_faults(faults: Sequence[object], most: int = 10) -> str:
    """Name the first few of the things that are wrong somewhere, and how many more there are."""
    more = f"; and {len(faults) - most} more" if len(faults) > most else ""
    return "; ".join(map(str, faults[:most])) + more

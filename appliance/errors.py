"""Errors of the domain. They know no HTTP; only web/status.py maps them to status numbers."""

from __future__ import annotations


class ApplianceError(Exception):
    """What went wrong in words a user understands, and in `hint` the next step to take.

    issues: one short text per invalid field, for forms and for the API's `issues`.
    """

    def __init__(self, message: str, *, hint: str = "", issues: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.issues = issues

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class Invalid(ApplianceError):
    """The request itself is wrong; sending it again unchanged cannot work."""


class Unauthenticated(ApplianceError):
    """No valid credential."""


class Forbidden(ApplianceError):
    """The credential is valid and does not allow this."""


class NotFound(ApplianceError):
    """No such thing, or none that this principal may know of."""


class Conflict(ApplianceError):
    """The thing exists already, or is in use."""


class Refused(ApplianceError):
    """A limit or a rule of this appliance says no."""


class TooMany(ApplianceError):
    """Too many tries in a short time; wait and try again."""


class Unavailable(ApplianceError):
    """Something that this needs is not running; nothing is lost."""


class TryAgain(ApplianceError):
    """For loops: not yet; call the same turn again later."""


class PluginError(ApplianceError):
    """A plugin can't be loaded."""

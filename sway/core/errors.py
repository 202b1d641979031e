"""Errors that a user can act on: what is wrong, where, and how to mend it."""

from __future__ import annotations

from importlib.util import find_spec

_LONGEST = 800


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " [cut]"


class SwayError(Exception):
    """A fault in what the user gave us; shown as one line, never as a traceback.

    `what` states the fault, `where` names a file, `file:line` or key, `mend` says what to do.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(what)

    def __str__(self) -> str:
        where, what = _cut(self.where), _cut(self.what)  # whatever hostile input is quoted, the mend stays in view
        line = f"{where}: {what}" if where else what
        return f"{line} ({self.mend})" if self.mend else line


class SpecError(SwayError):
    """The spec, or a file that it names, cannot be used. `problems` holds every fault found."""

    def __init__(self, problems: list[SwayError]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(p) for p in problems))

    def __str__(self) -> str:
        return "\n".join(str(p) for p in self.problems)


class AdapterError(SwayError):
    """The adapter folder cannot be scored: missing, malformed, or of a kind that is not supported."""


class BackendError(SwayError):
    """The base model or its runtime cannot be used."""


class MissingExtraError(BackendError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} is not installed",
            mend=f"run: {to_install(extra)}",
        )


def to_install(extra: str) -> str:
    """How an extra is installed; the bound keeps pip from an earlier program that the index has under this name."""
    return f'pip install ".[{extra}]" in a checkout of sway, or pip install "dlm-sway[{extra}]>=0.2"'


def require(extra: str, *modules: str) -> None:
    """Raise `MissingExtraError` for the first of `modules` that is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(module, extra)


class CannotNullError(SwayError):
    """This adapter has a part for which no random counterpart of equal size can be drawn."""


class PreflightError(SwayError):
    """The model or adapter cannot be judged at all, for example because its numbers are not finite."""


class NoOpError(SwayError):
    """The adapter provably changes nothing."""


class Interrupted(KeyboardInterrupt):
    """The user, or the system, has ended the command; the message says what was kept."""


class RequestError(Exception):
    """One question could not be answered; those who asked it are told, the rest of the batch goes on."""


class TooLongError(RequestError):
    """The question takes more tokens than the model reads; a shorter one could be answered."""


class SkipProbe(Exception):
    """Raised by a probe that cannot measure here: why, and what would let it."""

    def __init__(self, reason: str, mend: str = "") -> None:
        self.reason, self.mend = reason, mend
        super().__init__(f"{reason} ({mend})" if mend else reason)

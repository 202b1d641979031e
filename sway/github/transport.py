"""How GitHub is asked: within a deadline, with waits that are bounded, and with two kinds of failure.

Reading, editing and deleting may be done twice, and are tried again. Creating may not: whoever creates must first
look whether the try that seemed to fail did not succeed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from github import Auth, Github
from github.GithubException import GithubException
from github.GithubRetry import GithubRetry
from github.Repository import Repository
from urllib3.exceptions import MaxRetryError

from sway.core.errors import SwayError
from sway.github.settings import Settings

Answer = TypeVar("Answer")
AGAIN = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
TRANSIENT = (429, 500, 502, 503, 504)
PAGE = 100
logging.getLogger("github").setLevel(logging.CRITICAL + 1)  # PyGithub prints what a server said as it came


@dataclass(frozen=True)
class Patience:
    """Seconds: for one answer, for one wait, for a wait's first step, and for all that is asked."""

    answer: float = 15
    longest: float = 65
    step: float = 0.5
    total: float = 180


class Refused(SwayError):
    """GitHub said no; asking again would not help."""

    def __init__(self, status: int, what: str) -> None:
        self.status = status
        super().__init__(f"GitHub refuses: {status} {what}".rstrip())


class Unclear(SwayError):
    """No answer, or none that tells whether the request was carried out; `wait` is what GitHub asks for."""

    def __init__(self, what: str, wait: float = 0) -> None:
        self.wait = wait
        super().__init__(f"GitHub does not answer: {what}")


class Deadline:
    """The time until which anything is asked."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()


class _Retry(GithubRetry):
    """PyGithub's, which gives up where GitHub asks for a wait beyond `longest`, or beyond the deadline."""

    def __init__(self, deadline: Deadline, longest: float, **kwargs: Any) -> None:
        self.deadline, self.longest = deadline, longest
        super().__init__(**kwargs)

    def new(self, **kw: Any) -> _Retry:
        return super().new(deadline=self.deadline, longest=self.longest, **kw)

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> Any:
        if self.deadline.left() <= 0:
            raise MaxRetryError(kwargs["_pool"], url or "", TimeoutError("the time for it is over"))
        return super().increment(method, url, *args, **kwargs)

    def sleep(self, response: Any = None) -> None:
        headed = response is not None and self.respect_retry_after_header
        seconds = (self.get_retry_after(response) if headed else None) or self.get_backoff_time()
        if seconds > min(self.longest, self.deadline.left()):
            raise Unclear("it asks for a longer wait than there is time for", seconds)
        time.sleep(seconds)


class Client:
    """One repository on GitHub."""

    def __init__(self, settings: Settings, patience: Patience | None = None) -> None:
        if not settings.token:
            raise SwayError("there is no token", where="GITHUB_TOKEN", mend="give the step github.token")
        if not settings.repository:
            raise SwayError("is not set", where="GITHUB_REPOSITORY", mend="run this in a GitHub workflow")
        self.settings, self.patience = settings, patience or Patience()
        self.deadline = Deadline(self.patience.total)
        self.github = Github(
            auth=Auth.Token(settings.token),
            base_url=settings.api,
            timeout=int(self.patience.answer) or 1,
            per_page=PAGE,
            lazy=True,
            retry=self._retry(),
            seconds_between_requests=0,
            seconds_between_writes=0,
            user_agent="sway",
        )
        self.repository: Repository = self.github.get_repo(settings.repository)

    def _retry(self) -> _Retry:
        return _Retry(
            self.deadline,
            self.patience.longest,
            total=4,
            allowed_methods=AGAIN,
            status_forcelist=list(TRANSIENT),
            backoff_factor=self.patience.step,
            secondary_rate_wait=min(60, self.patience.longest),
        )

    def viewer(self) -> str:
        """The login that the token's comments carry. The REST interface does not tell it to an app's token."""
        query = {"query": "query { viewer { login } }", "variables": {}}

        def ask() -> Any:
            return self.github.requester.requestJsonAndCheck("POST", self.settings.graphql, input=query)[1]

        data = self.again(ask)
        try:
            login = data["data"]["viewer"]["login"]
        except (KeyError, TypeError):
            login = None
        if not isinstance(login, str) or not login:
            raise Refused(200, "does not tell whose token this is")
        return login

    def again(self, ask: Callable[[], Answer], tries: int = 3) -> Answer:
        """The answer to what may be asked twice.

        Raises:
            Refused: GitHub says no.
            Unclear: it did not answer, however often it was asked.
        """
        for turn in range(tries):
            try:
                return self.once(ask)
            except Unclear as fault:
                if turn + 1 == tries or not self.wait(turn, fault.wait):
                    raise
        raise AssertionError("the last try answers or raises")

    def once(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to what must not be asked again without a look.

        Raises:
            Refused: GitHub says no.
            Unclear: nobody can tell whether it was done.
        """
        if self.deadline.left() <= 0:
            raise Unclear("the time for it is over")
        try:
            return ask()
        except GithubException as fault:
            raise _meaning(fault) from None
        except (Refused, Unclear):
            raise
        except Exception as fault:  # noqa: BLE001 - PyGithub asserts, and trips over answers of another shape
            raise Unclear(type(fault).__name__) from None

    def wait(self, turn: int, least: float = 0) -> bool:
        """Wait before another try, longer each time; False where the time does not allow for it."""
        seconds = min(max(least, self.patience.step * 2**turn), self.patience.longest)
        if least > self.patience.longest or seconds >= self.deadline.left():
            return False
        time.sleep(seconds)
        return True


def _meaning(fault: GithubException) -> SwayError:
    headers = {k.lower(): v for k, v in (fault.headers or {}).items()}
    message = str(fault.data.get("message", "")) if isinstance(fault.data, dict) else ""
    after = str(headers.get("retry-after", ""))
    limited = fault.status in (403, 429) and (after or "rate limit" in message.lower())
    if limited or fault.status >= 500:
        return Unclear(f"{fault.status} {message[:200]}".rstrip(), float(after) if after.isdigit() else 0)
    return Refused(fault.status, message[:300])

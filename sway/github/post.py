"""The whole of `sway post`: decide, then tell it wherever it may be told. Telling never changes the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sway.core.errors import SwayError, require
from sway.core.exits import Exit
from sway.github.comment_mark import LONGEST, marker
from sway.github.event import Occasion
from sway.github.outcome import Outcome
from sway.github.outputs import say, write_outputs, write_summary
from sway.github.pages import Place, bodies
from sway.github.settings import Settings
from sway.github.subject import label

if TYPE_CHECKING:
    from sway.github.transport import Client


@dataclass(frozen=True)
class Post:
    """One outcome, of what specs it is, and where it is to be told."""

    settings: Settings
    occasion: Occasion
    outcome: Outcome
    spec: str

    @property
    def mark(self) -> str:
        """The first line of the comment."""
        return marker(self.spec, self.settings.wanted.key)

    def place(self, base: str = "") -> Place:
        """Where the pages stand."""
        o = self.occasion
        branch = base or o.base or o.default_branch
        return Place(branch, o.sha, self.settings.wanted.key, self.settings.run_url, o.foreign)

    def everywhere(self) -> Exit:
        """Write the summary and the outputs, then comment and check; the outcome's exit code, whatever came of that."""
        say(f"Verdict: {self.outcome.verdict}, exit {int(self.outcome.exit)}.")
        for note in self.outcome.notes:
            say(note, "warning")
        for each in self.outcome.reports:
            for note in each.notes:
                say(note, "warning")
            for aside in each.asides:
                say(aside)
            if each.why:
                say(f"{each.name} cannot be used: {each.why}", "error")
        write_summary(self.outcome, self.place(), self.settings)
        write_outputs(self.outcome, self.settings)  # not before, so that none is left of a post that ends in a fault
        wanted = self.settings.wanted
        if self.settings.event and (wanted.comment or wanted.check):
            self._online()
        return self.outcome.exit

    def _online(self) -> None:
        try:
            require("github", "github")
            from sway.github.transport import Client

            client = Client(self.settings)
        except SwayError as fault:
            say(f"Nothing is told on GitHub: {fault}", "warning")
            return
        if self.settings.wanted.comment:
            _trying("comment", lambda: self._comment(client))
        if self.settings.wanted.check and self.occasion.sha:
            _trying("check", lambda: self._check(client))

    def _comment(self, client: Client) -> None:
        from sway.github.comment import Thread
        from sway.github.pulls import pull_of

        number, base, why = pull_of(client, self.occasion)
        if number is None:
            say(f"No comment: {why}" if why else "No pull request, so no comment.", "warning" if why else "")
            return
        texts = bodies(self.outcome, self.place(base))
        posted = Thread(client, number, self.mark, self.occasion.run).say(texts)
        say(f"Comment {posted.number} on pull request {number}: {posted.what}.")
        if posted.what == "kept":
            say("Another job of this run told a graver verdict of the same spec: give each a key.", "warning")
        if posted.shortened:
            say("GitHub did not take the whole comment; a shorter one was posted.", "warning")

    def _check(self, client: Client) -> None:
        from sway.github.checks import show

        texts = bodies(self.outcome, self.place(), LONGEST)
        o, mark = self.occasion, self.mark.split()[2]
        of = label(self.spec, self.settings.wanted.key)
        told = show(client, o.sha, self.outcome, texts, label=of, mark=mark, foreign=o.foreign)
        say(f"Told beside the commit, as a {told}.")


def _trying(what: str, do: Callable[[], None]) -> None:
    """Do it; where GitHub does not let us, say so and what would."""
    from sway.github.transport import Refused

    try:
        do()
    except Refused as fault:
        permission = "checks or statuses" if what == "check" else "pull-requests"
        mend = f" (give the job permission {permission}: write; a fork needs a workflow_run job)"
        say(f"No {what}: {fault}{mend if fault.status in (401, 403, 404) else ''}", "warning")
    except SwayError as fault:
        say(f"No {what}: {fault}", "warning")
    except Exception as fault:  # noqa: BLE001 - a fault in telling must not become, or hide, a verdict
        say(f"No {what}: unexpected {type(fault).__name__}: {fault}", "warning")


def preview(post: Post) -> list[str]:
    """What would be done, without a token and without a network."""
    settings, occasion = post.settings, post.occasion
    texts = bodies(post.outcome, post.place())
    head = [f"    {line[:160]}" for line in [post.mark, *texts[0].splitlines()[:8]]]
    root = f"{settings.api}/repos/{settings.repository or 'OWNER/NAME'}"
    number: object = occasion.pull if occasion.pull is not None else "NUMBER"
    lines = []
    if settings.wanted.comment and (occasion.pull is not None or occasion.head is not None):
        if occasion.head is not None:
            lines.append(f"GET {root}/pulls?state=open&head={occasion.head.owner}:{occasion.head.branch}")
        lines.append(f"POST {settings.graphql} viewer")
        lines.append(f"GET {root}/issues/{number}/comments?per_page=100")
        lines.append(f"PATCH {root}/issues/comments/ID if one of ours begins with this, else")
        lines += [f"POST {root}/issues/{number}/comments", *head]
    if settings.wanted.check and occasion.sha:
        lines.append(f"POST {root}/check-runs for {occasion.sha}")
    return lines or ["nothing on GitHub", *head]

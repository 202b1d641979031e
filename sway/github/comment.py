"""One comment a key, whoever else is posting at the same time and whatever becomes of a request.

Only ours are touched: the first line is the marker, and the author is the token's own. Before anything is created a
second time the comments are read again; of several the one with the lowest number stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from github.Issue import Issue
from github.IssueComment import IssueComment

from sway.github.comment_mark import plain, stamp, written
from sway.github.transport import Client, Refused, Unclear

TRIES = 5


@dataclass(frozen=True)
class Posted:
    """What became of a comment: `created`, `edited`, `unchanged`, or `left`, as a later run wrote there already."""

    what: str
    number: int
    shortened: bool = False


class Thread:
    """The comments of one pull request, as far as they are ours under one marker."""

    def __init__(self, client: Client, number: int, mark: str, run: tuple[int, int]) -> None:
        self._client, self._mark, self._run = client, mark, run
        self._issue: Issue = client.repository.get_issue(number)
        self._viewer = client.viewer()

    def say(self, bodies: Sequence[str]) -> Posted:
        """Put the first of `bodies`, richest first, that GitHub takes; the marker and stamp go before it.

        Raises:
            Refused: GitHub says no, to all of them where one is too long.
            Unclear: there was no answer.
        """
        for i, body in enumerate(bodies):
            text = f"{self._mark}\n{stamp(self._run)}\n{body}"
            try:
                found = self._put(text)
            except Refused as fault:
                if fault.status != 422 or i + 1 == len(bodies):
                    raise
            else:
                return Posted(found.what, found.number, shortened=i > 0)
        raise Refused(422, "there is nothing to say")

    def _put(self, text: str) -> Posted:
        """Look, and only where there is none create one; after creating, look again."""
        made: IssueComment | None = None
        for turn in range(TRIES):
            ours = self._ours()
            if made is not None and made.id not in {c.id for c in ours}:
                ours = sorted([*ours, made], key=lambda c: c.id)  # a list may lag behind what was just created
            if ours:
                try:
                    return self._settle(ours, text, made)
                except Refused as fault:
                    if fault.status != 404:  # else somebody has deleted it meanwhile
                        raise
                    made = None
                    continue
            try:
                made = self._client.once(lambda: self._issue.create_comment(text))
            except Unclear as fault:
                if turn + 1 == TRIES or not self._client.wait(turn, fault.wait):
                    raise
        raise Unclear("the comment comes and goes")

    def _settle(self, ours: Sequence[IssueComment], text: str, made: IssueComment | None) -> Posted:
        """Have the first say it, and take the others away."""
        first, *others = ours
        posted = self._edit(first, text, made)
        for other in others:
            self._remove(other.id)
        return posted

    def _edit(self, first: IssueComment, text: str, made: IssueComment | None) -> Posted:
        if written(first.body) > self._run:
            return Posted("left", first.id)
        if made is not None and first.id == made.id:
            return Posted("created", first.id)
        if plain(first.body) == plain(text):
            return Posted("unchanged", first.id)
        self._client.again(lambda: first.edit(text))
        return Posted("edited", first.id)

    def _remove(self, number: int) -> None:
        """Delete a comment if, read once more, it is still ours."""
        try:
            fresh = self._client.again(lambda: self._issue.get_comment(number))
            if self._is_ours(self._client.again(lambda: fresh.complete())):
                self._client.again(fresh.delete)
        except Refused as fault:
            if fault.status != 404:
                raise

    def _ours(self) -> list[IssueComment]:
        """Ours, lowest number first. Every page is read."""
        found = self._client.again(lambda: list(self._issue.get_comments()))
        return sorted((c for c in found if self._is_ours(c)), key=lambda c: c.id)

    def _is_ours(self, comment: IssueComment) -> bool:
        author = comment.user.login if comment.user is not None else None
        return author == self._viewer and plain(comment.body).split("\n", 1)[0] == self._mark

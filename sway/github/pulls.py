"""Which pull request a finished run was made for, by what GitHub itself says of it."""

from __future__ import annotations

from github.PullRequest import PullRequest

from sway.github.event import Head, Occasion
from sway.github.transport import Client


def pull_of(client: Client, occasion: Occasion) -> tuple[int | None, str, str]:
    """The number and base branch of the open pull request; without one, None, and why there is none.

    The head's repository, branch and commit must all be those of the run: a name that the run's own files give is
    worth nothing.
    """
    if occasion.pull is not None:
        return occasion.pull, occasion.base, ""
    head = occasion.head
    if head is None:
        return None, occasion.base, "" if not occasion.foreign else "The branch of the pull request is gone."
    found = client.again(lambda: list(client.repository.get_pulls(state="open", head=f"{head.owner}:{head.branch}")))
    same = [pull for pull in found if _is_of(pull, head, occasion.repository)]
    if len(same) == 1:
        return same[0].number, same[0].base.ref, ""
    if same:
        return None, "", "More than one open pull request has this head, and the run does not say for which it was."
    moved = "The pull request is closed, or has moved on to another commit."
    return None, "", moved


def _is_of(pull: PullRequest, head: Head, repository: int) -> bool:
    there = pull.head.repo is not None and pull.head.repo.id == head.repository
    return there and pull.head.sha == head.sha and pull.base.repo.id == repository and pull.state == "open"

"""The base branch's last report: found through GitHub alone, and unpacked with nothing on trust.

Only runs count that a push to the base branch of this very repository set off: the artifact of a pull request may
say anything.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import requests
from github.Artifact import Artifact
from github.WorkflowRun import WorkflowRun

from sway.core.errors import SwayError
from sway.github.event import Occasion
from sway.github.transport import Client, Refused

MOST_RUNS, MOST_ENTRIES = 30, 200
LARGEST_ARCHIVE, LARGEST_FILE, LARGEST_ALL = 64 << 20, 16 << 20, 128 << 20
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,120}\.json")
_ARTIFACT = re.compile(r"[^\x00-\x1f\"':<>|*?\\/]{1,200}")
_MEND = "delete the artifact, or let the base branch run again"


def last_report(client: Client, occasion: Occasion, artifact: str, output: Path) -> list[str]:
    """Unpack the newest report of the base branch into a folder; the names of its files, none where there is none.

    Raises:
        SwayError: GitHub does not let us look, or what is there is no sound archive.
    """
    if not _ARTIFACT.fullmatch(artifact):
        raise SwayError("is no artifact's name", where="--artifact", mend="give the name that upload-artifact has")
    branch = occasion.base or occasion.default_branch
    if not branch:
        return []
    for run in _runs(client, occasion, branch):
        found = client.again(lambda run=run: list(run.get_artifacts()))  # type: ignore[misc]
        whole = [a for a in found if a.name == artifact and not a.expired]
        if whole:
            return unpack(_download(client, max(whole, key=lambda a: a.id)), output)
    return []


def _runs(client: Client, occasion: Occasion, branch: str) -> Iterator[WorkflowRun]:
    """The base branch's own runs of the workflow that gates, newest first."""
    gating = occasion.run[0]
    this = client.again(lambda: client.repository.get_workflow_run(gating).complete())
    workflow = client.repository.get_workflow(str(this.workflow_id))
    listed = client.again(lambda: workflow.get_runs(branch=branch, event="push", status="success").get_page(0))
    for run in listed[:MOST_RUNS]:
        ours = run.head_repository is not None and run.head_repository.id == occasion.repository
        if ours and run.event == "push" and run.head_branch == branch and run.id != gating:
            yield run


def _download(client: Client, artifact: Artifact) -> bytes:
    """The archive. GitHub answers with the address of a store, to which the token is not sent."""
    if artifact.size_in_bytes > LARGEST_ARCHIVE:
        raise SwayError(f"is larger than {LARGEST_ARCHIVE:,} bytes", where="the last report", mend=_MEND)
    path = f"/repos/{client.settings.repository}/actions/artifacts/{artifact.id}/zip"
    status, headers, _ = client.again(lambda: client.github.requester.requestJson("GET", path))
    place = str(headers.get("location", ""))
    if status != 302 or not place.startswith(("https://", f"{client.settings.api.split(':')[0]}://")):
        raise Refused(status, "the artifact cannot be downloaded")
    return client.again(lambda: _fetch(place, client.patience.answer))


def _fetch(place: str, seconds: float) -> bytes:
    # With an authentication of its own, that does nothing, a request takes none from a .netrc file.
    with requests.get(place, stream=True, timeout=seconds, allow_redirects=False, auth=lambda asked: asked) as answer:
        if answer.status_code >= 500:
            raise requests.ConnectionError(f"status {answer.status_code}")
        if answer.status_code != 200:
            raise Refused(answer.status_code, "the store does not give the artifact")
        kept = bytearray()
        for part in answer.iter_content(1 << 16):
            kept += part
            if len(kept) > LARGEST_ARCHIVE:
                raise SwayError(f"is larger than {LARGEST_ARCHIVE:,} bytes", where="the last report", mend=_MEND)
    return bytes(kept)


def unpack(archive: bytes, output: Path) -> list[str]:
    """The JSON files of an archive, each by its own name in one folder; nothing in it decides where it lands.

    Raises:
        SwayError: the archive is torn, too large, or holds two files of one name.
    """
    try:
        files = _read(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zipfile.zlib.error) as fault:  # type: ignore[attr-defined]
        raise SwayError(f"is no sound archive: {fault}", where="the last report", mend=_MEND) from None
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            with os.fdopen(os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
                file.write(data)
    except OSError as fault:
        raise SwayError(
            f"cannot be written: {fault.strerror}", where=str(output), mend="give an empty folder"
        ) from None
    return sorted(files)


def _read(archive: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        if len(packed.infolist()) > MOST_ENTRIES:
            raise ValueError(f"more than {MOST_ENTRIES} files")
        for entry in packed.infolist():
            name = entry.filename.replace("\\", "/").rsplit("/", 1)[-1]
            if entry.is_dir() or not _NAME.fullmatch(name):
                continue
            if name in files:
                raise ValueError("two files of one name")
            with packed.open(entry) as file:
                files[name] = file.read(LARGEST_FILE + 1)
            if len(files[name]) > LARGEST_FILE or sum(map(len, files.values())) > LARGEST_ALL:
                raise ValueError("a file in it is too large")
    return files

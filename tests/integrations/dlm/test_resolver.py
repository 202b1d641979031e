import json
import shutil

import pytest

from sway.core.errors import SwayError
from sway.integrations.dlm import fences
from sway.integrations.dlm.resolver import resolve_dlm, source_sections
from sway.integrations.dlm.store import Store
from tests.integrations.dlm.conftest import DLM_ID, page

SEVERAL = "training: {adapters: {tone: {}, facts: {}}}\n"
ASKED = "prose\n::instruction::\n### Q\nq1\n### A\na\n\n::instruction#facts::\n### Q !probe\nq2\n### A\na\n"


@pytest.fixture
def document(tmp_path):
    def write(text: str):
        path = tmp_path / "doc.dlm"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def plain_adapter(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "org/taught-on"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_a_document_that_was_never_trained_has_no_adapter(document, home):
    handle = resolve_dlm(document(page(ASKED)))
    assert (handle.adapter_path, handle.base_model, handle.dlm_id) == (None, "org/model", DLM_ID)
    assert [s.kind for s in handle.sections] == ["prose", "instruction", "instruction"]
    assert [(a.qa.prompt, a.probe) for a in handle.asked] == [("q1", False), ("q2", True)]


def test_the_current_version_is_the_one_that_the_tool_points_to(document, train, plain_adapter):
    train(plain_adapter, 1)
    second = train(plain_adapter, 2)
    assert resolve_dlm(document(page(ASKED))).adapter_path == second.resolve()
    assert (second.parent.parent / "current.txt").read_text().strip() == "adapter/versions/v0002"


def test_a_document_with_several_adapters_needs_one_named_where_several_are_trained(document, train, plain_adapter):
    path = document(page(ASKED, more=SEVERAL))
    assert resolve_dlm(path).adapter_path is None
    tone = train(plain_adapter, name="tone")
    handle = resolve_dlm(path)
    assert (handle.adapter_name, handle.adapter_path) == ("tone", tone.resolve())
    facts = train(plain_adapter, name="facts")
    with pytest.raises(SwayError, match="--adapter: tone, facts"):
        resolve_dlm(path)
    handle = resolve_dlm(path, "facts")
    assert handle.adapter_path == facts.resolve()
    assert [a.qa.prompt for a in handle.asked] == ["q2"]
    with pytest.raises(SwayError, match="declared: tone, facts"):
        resolve_dlm(path, "other")
    assert len(source_sections(path, facts)) == 2
    assert len(source_sections(path, tone)) == 2
    assert len(source_sections(path, path.parent)) == 3


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        ("../../../etc", "outside the store"),
        ("/etc", "outside the store"),
        ("adapter/versions/v0009", "which is not there"),
        ("a\0b", "outside the store"),
        ("x" * 9000, "outside the store"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_pointer_that_leads_nowhere_is_refused(home, pointer, message):
    store = Store.of(DLM_ID)
    store.pointer().parent.mkdir(parents=True)
    store.pointer().write_bytes(pointer.encode("utf-8", "surrogateescape"))
    with pytest.raises(SwayError, match=message):
        store.current()


def test_an_empty_pointer_is_no_adapter(home):
    store = Store.of(DLM_ID)
    store.pointer().parent.mkdir(parents=True)
    store.pointer().write_text("\n")
    assert store.current() is None


@pytest.mark.parametrize("installed", [True, False])
def test_the_base_is_what_the_tool_calls_it_or_what_the_adapter_says(
    document, train, plain_adapter, installed, monkeypatch
):
    train(plain_adapter)
    if not installed:
        monkeypatch.setattr("sway.integrations.dlm.document.PACKAGE", "no-such-distribution")
    handle = resolve_dlm(document(page(ASKED, base="smollm2-135m")))
    assert handle.base_model == ("HuggingFaceTB/SmolLM2-135M-Instruct" if installed else "org/taught-on")
    assert bool(handle.revision) is installed
    assert resolve_dlm(document(page(ASKED, base="no-such-key"))).base_model == "org/taught-on"


def test_a_base_that_nothing_knows_is_refused(document, train, plain_adapter):
    (plain_adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
    train(plain_adapter)
    with pytest.raises(SwayError, match="nothing here knows the base 'no-such-key'"):
        resolve_dlm(document(page(ASKED, base="no-such-key")))


def test_the_revision_is_the_one_that_was_trained_on(document, train, plain_adapter, home):
    train(plain_adapter)
    manifest = home / "store" / DLM_ID / "manifest.json"
    for told, revision in [
        ({"base_model_revision": "a" * 40}, "a" * 40),
        ([], None),
        ({"base_model_revision": 3}, None),
    ]:
        manifest.write_text(json.dumps(told))
        assert resolve_dlm(document(page(ASKED))).revision == revision


def test_images_are_named_and_left_out(document, home):
    handle = resolve_dlm(document(page('words\n::image path="a.png"::\nwhat it shows\n')))
    assert handle.left_out == ("line 7: image",)
    assert len(handle.sections) == 1


def test_both_readers_resolve_alike(document, train, plain_adapter):
    train(plain_adapter)
    path = document(page(ASKED))
    assert resolve_dlm(path) == resolve_dlm(path, reader=fences.parse)
    shutil.rmtree(Store.of(DLM_ID).root)

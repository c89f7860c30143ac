"""The documents say what their sources say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lib import pages

ROOT = Path(__file__).resolve().parents[2]
FRAGMENTS = sorted((ROOT / "changelog.d").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_readme_is_what_the_specification_and_the_release_table_say():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "dev" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_is_a_fragment_to_check():
    assert FRAGMENTS


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_each_change_tells_the_operator_what_to_do(fragment):
    entries = re.split(r"^- ", fragment.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.search(r"^  Operator action: \S.*", entry, flags=re.MULTILINE), entry


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("command", ["ansible-playbook [^`|]*playbooks/([a-z_]+)\\.yml"])
def test_playbooks_that_documents_name_exist(command):
    named = {name for page in PAGES for name in re.findall(command, page.read_text())}
    assert named
    missing = [name for name in sorted(named) if not (ROOT / "playbooks" / f"{name}.yml").exists()]
    assert not missing


def test_a_generated_part_is_replaced_between_its_markers_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated:one -->\nold\n<!-- /generated:one -->\nafter <!-- generated:two -->\n")
    pages.write(page, "one", pages.table(("a", "b"), [[1, "x | y\nz"]]))
    assert page.read_text() == (
        "before\n<!-- generated:one -->\n| a | b |\n|---|---|\n| 1 | x \\| y z |\n<!-- /generated:one -->\n"
        "after <!-- generated:two -->\n"
    )


def test_a_part_without_its_markers_is_named_and_nothing_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no markers\n")
    with pytest.raises(SystemExit) as ended:
        pages.write(page, "one", "x")
    assert str(ended.value) == "page.md has no generated part named one.\nRemedy: put its two markers back."
    assert page.read_text() == "no markers\n"

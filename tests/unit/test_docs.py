"""The documents agree with their sources."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import examples
import pytest
import yaml
from block_structure.module_utils.decisions import carrying
from block_structure.plugin_utils import role_variables
from block_structure.plugin_utils.diagnosis import catalogue
from block_structure_cli.main import main
from lib import pages

ROOT = Path(__file__).resolve().parents[2]
SCRIV = Path(sys.executable).with_name("scriv")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_generated_parts_are_current():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "dev" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def changes(text: str) -> list[str]:
    """Return the entries of a fragment or of the changelog."""
    return re.split(r"^- ", text, flags=re.MULTILINE)[1:]


def test_each_change_has_an_operator_action():
    """In the changelog and in fragments not yet collected (none right after a release)."""
    for page in (ROOT / "CHANGELOG.md", *ROOT.glob("changelog.d/*.md")):
        entries = changes(page.read_text())
        assert entries, page.name
        for entry in entries:
            assert re.search(r"^  Operator action: \S.*", entry, flags=re.MULTILINE), f"{page.name}: {entry}"


def test_collected_fragments_become_the_newest_entry_of_the_changelog(tmp_path):
    """Collected by scriv with the configuration of this repository."""
    shutil.copytree(ROOT / "changelog.d", tmp_path / "changelog.d")
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    before = (tmp_path / "CHANGELOG.md").read_text()
    (tmp_path / "changelog.d" / "20270101_one.md").write_text("### Fixed\n\n- A fault.\n  Operator action: none.\n")
    subprocess.run([SCRIV, "collect", "--version", "99.0.0"], cwd=tmp_path, check=True, capture_output=True)
    after = (tmp_path / "CHANGELOG.md").read_text()
    newest, older = after.index("\n## 99.0.0 ("), after.index("\n## 0.1.0 (")
    assert newest < after.index("- A fault.\n  Operator action: none.") < older
    assert changes(after)[-len(changes(before)) :] == changes(before)
    assert not list(tmp_path.glob("changelog.d/*.md"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: those of its headings, as GitHub makes them, and those that it sets itself."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"></a>', text))


def test_each_finding_has_an_anchor_for_the_links_of_the_report():
    assert set(catalogue.CATALOGUE) - anchors(ROOT / "docs" / "diagnose.md") == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_resolve(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        linked = (page.parent / target) if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_playbooks_named_in_documents_exist():
    by_path = r"ansible-playbook [^`|]*playbooks/([a-z_]+)\.yml"
    by_name = r"openedx_operators\.block_structure\.([a-z_]+)\b(?!\.)"
    for command in (by_path, by_name):
        named = {name for page in PAGES for name in re.findall(command, page.read_text())}
        assert named
        assert [name for name in sorted(named) if not (ROOT / "playbooks" / f"{name}.yml").exists()] == []


def test_commands_named_in_documents_exist():
    named = {name for page in PAGES for name in re.findall(r"scripts/block-structure ([a-z][a-z-]*)", page.read_text())}
    assert named
    assert sorted(named - set(main.list_commands(None))) == []


def test_make_targets_named_in_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), flags=re.MULTILINE)}
    assert named
    assert sorted(named - targets) == []


# Of docs/watch.md, and of the help of the command.
METRICS = set(
    re.findall(r"\bblock_structure_[a-z_]+", (ROOT / "docs" / "monitoring" / "block_structure.rules.yml").read_text())
)
METRICS |= set(re.findall(r"\bblock_structure_[a-z_]+", (ROOT / "docs" / "monitoring" / "grafana-dashboard.json").read_text()))
METRICS |= {"block_structure_memcached_", "block_structure_redis_"}


def test_variables_named_in_documents_exist():
    """Documents also name results, packages, tags and groups of the playbooks; `…_` means several."""
    known = {*role_variables.options(), *role_variables.EXPORTED}
    known |= {path.name for folder in ("scripts", "roles/block_structure/files") for path in (ROOT / folder).iterdir()}
    known |= {"block_structure_memcached", *carrying.GROUPS.values()}
    known |= {name for path in ROOT.glob("playbooks/*.yml") for name in re.findall(r"block_structure_\w+", path.read_text())}
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"\bblock_structure_[a-z0-9_]+", page.read_text())
        if name not in METRICS
    }
    assert named
    unknown = [
        (page, name)
        for page, name in sorted(named)
        if name not in known and not (name.endswith("_") and any(other.startswith(name) for other in known))
    ]
    assert unknown == []


class Tolerant(yaml.SafeLoader):
    """Reads what Ansible reads; the value of a tag such as !vault is nothing that a type can be asked of."""


Tolerant.add_multi_constructor("!", lambda _loader, _tag, _node: "{{ tagged }}")


def variables_in(document):
    """Return (name, value) of each variable of the role in a document, at any depth, but for templates."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in role_variables.options() and "{{" not in str(value):
                yield name, value
            yield from variables_in(value)
    elif isinstance(document, list):
        for entry in document:
            yield from variables_in(entry)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_role_accepts_each_value_that_a_document_gives_to_a_variable(page):
    """A reader copies it, at night."""
    text = page.read_text()
    blocks = [textwrap.dedent(block) for block in re.findall(r"^ *```ya?ml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)]
    # One line within a sentence: `variable: value`.
    blocks += [line for line in re.findall(r"`(block_structure_\w+: [^`\n]+)`", text) if "…" not in line]
    given = [pair for block in blocks for document in yaml.load_all(block, Tolerant) for pair in variables_in(document)]
    assert [str(error) for name, value in given for error in role_variables.typed({name: value})[1]] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 6 * 1024


def test_only_text_between_markers_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated:one -->\nold\n<!-- /generated:one -->\nafter <!-- generated:two -->\n")
    pages.write(page, "one", pages.table(("a", "b"), [[1, "x | y\nz"]]))
    assert page.read_text() == (
        "before\n<!-- generated:one -->\n| a | b |\n|---|---|\n| 1 | x \\| y z |\n<!-- /generated:one -->\n"
        "after <!-- generated:two -->\n"
    )


def test_missing_markers_are_reported_and_nothing_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no markers\n")
    with pytest.raises(SystemExit) as ended:
        pages.write(page, "one", "x")
    assert str(ended.value) == "page.md has no generated part named one.\nRemedy: restore its two markers."
    assert page.read_text() == "no markers\n"


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_examples_are_compact_without_unused_keys(path):
    example = json.loads(path.read_text())
    assert examples.without_unread(path.stem, example) == example
    assert examples.compact(example) == path.read_text()


def test_example_keeps_values_and_drops_unused_keys():
    diagnosis = {
        "versions": {"a": 1},
        "courses": [{"key": f"course {number}", "row": True, "storage_ms": 1.25} for number in range(9)],
    }
    kept = examples.without_unread("diagnosis", diagnosis)
    assert kept == {"courses": [{"key": f"course {number}", "storage_ms": 1.25} for number in range(9)]}
    assert json.loads(examples.compact(kept)) == kept
    assert max(map(len, examples.compact(kept).splitlines())) <= examples.WIDTH + 2


def quoted_messages(page: str) -> list[str]:
    """Return the messages that a table of a page begins its rows with; names of findings are held by other tests."""
    rows = re.findall(r"^\| `([^`]+)`[^|]*\|", (ROOT / page).read_text(), flags=re.MULTILINE)
    return [row for row in rows if " " in row]


def test_each_message_that_the_docs_explain_exists():
    """By its longest part that is the same on every site."""
    sources = [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("scripts/block_structure_cli/**/*.py")]
    said = "".join(path.read_text() for path in [ROOT / "docs/messages.md", *sources])
    explained = quoted_messages("docs/troubleshooting.md")
    assert len(explained) > 20
    parts = {message: max(message.split("…"), key=len).strip() for message in explained}
    assert [message for message, part in parts.items() if part not in said] == []


def site(folder: Path, page: str = "") -> subprocess.CompletedProcess[str]:
    """Build the documents as a site, with a text added to the first page."""
    for name in ("docs", "scripts/dev"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    pages = ("README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md")
    for name in ("mkdocs.yml", "execution-environment.yml", *pages):
        shutil.copy(ROOT / name, folder)
    for name in ("molecule", "roles", "scripts/block_structure_cli", "scripts/loadtest", "plugins"):
        (folder / name).symlink_to(ROOT / name)
    with (folder / "docs" / "index.md").open("a") as stream:
        stream.write(page)
    return subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_site_is_built_with_every_link_checked(tmp_path):
    done = site(tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / ".cache" / "site" / "start" / "native" / "index.html").read_text()
    assert 'href="https://github.com/openedx-operators/block_structure/blob/main/README.md#install"' in page


@pytest.mark.parametrize(
    ("link", "words"),
    [("nowhere.md", "nowhere.md"), ("faq.md#nowhere", "#nowhere"), ("../nowhere.py", "../nowhere.py does not exist")],
    ids=["page", "anchor", "file of the repository"],
)
def test_a_link_that_leads_nowhere_stops_the_site(tmp_path, link, words):
    done = site(tmp_path, f"\n[wrong]({link})\n")
    assert done.returncode != 0
    assert words in done.stderr

"""Hooks of MkDocs, because the same pages are read on GitHub: links that lead out of docs/, and anchors of headings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[2]
_CELL = re.compile(r"<td[^>]*><code>[^<]*_[^<]*</code>")
# What the theme lacks: a name of its search, and cells without words that are no headings. Without the component, no visitor's
# browser asks the repository's host for its stars.
_THEME = (
    ('role="dialog"', 'role="dialog" aria-label="Search"'),
    (' data-md-component="source"', ""),
    ("<th></th>", "<td></td>"),
)
_LINK = re.compile(r"\]\((?P<target>\.\./[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Make the anchors of headings as GitHub does."""
    config["mdx_configs"].setdefault("toc", {})["slugify"] = slugify(case="lower")
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, **_more: Any) -> str:
    """Return a page whose links out of docs/ are those of the repository. Raises PluginError if there is no such file."""
    docs = Path(config["docs_dir"])

    def outward(found: re.Match[str]) -> str:
        target = Path(os.path.normpath((docs / page.file.src_uri).parent / found["target"]))
        if target.is_relative_to(docs):
            return found[0]
        if not target.exists() or not target.is_relative_to(ROOT):
            raise PluginError(f"{page.file.src_uri}: {found['target']} does not exist.")
        kind = "tree" if target.is_dir() else "blob"
        return f"]({config['repo_url']}/{kind}/main/{target.relative_to(ROOT)}{found['anchor'] or ''})"

    return _LINK.sub(outward, markdown)


def on_post_page(output: str, **_more: Any) -> str:
    """Return a page whose long names may break after an underscore, and without what its theme does wrong."""
    for before, after in _THEME:
        output = output.replace(before, after)
    return _CELL.sub(lambda found: found[0].replace("_", "_<wbr>"), output)

"""The role's messages in the words of this command: where they name a playbook, the reader has a verb."""

from __future__ import annotations

import re

from . import ROOT

_VERBS = "|".join(sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
_PLAYBOOK = re.compile(rf"\bopenedx_operators\.block_structure\.({_VERBS})\b")


def of_command(text: str) -> str:
    """Return text, JSON too, with the command where it names a playbook of the collection."""
    return _PLAYBOOK.sub(r"`block-structure \1`", text)

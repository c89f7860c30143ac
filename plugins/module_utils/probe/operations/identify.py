"""Identify the installed release: compare the platform's evidence with the rows of the release table.

The comparison runs here, not on the controller, so that the same boot can continue with the identified row.
"""

from __future__ import absolute_import

import sys

from ..engine import edxapp
from ..protocol import EVIDENCE


def facts():
    """Return the platform's release line and the evidence, under the names of the columns."""
    config = edxapp.config()
    prefix = "block_structure."
    names = ("invalidate_cache_on_publish", "raise_error_when_not_found", "storage_backing_for_cache")
    return {
        "release_line": edxapp.release_line(),
        "python": "%d.%d" % sys.version_info[:2],
        "command_options": edxapp.command_options(),
        "switches": [prefix + name for name in names if hasattr(config, name.upper())],
        "switch_api": "namespace" if hasattr(config, "waffle") else "objects",
        "storage_resolver": (
            "resolve_storage_backend" if hasattr(edxapp.models(), "resolve_storage_backend") else "get_storage"
        ),
        "course_index": "mongo" if edxapp.course_index_model() is None else "sql",
    }


def differences(found, row, options):
    """Return the columns in which the installed platform differs from a row.

    options: all options named by rows; Django's own options are ignored.
    """
    installed = dict(found, command_options=[name for name in found["command_options"] if name in options])

    def value(side, column):
        return sorted(side[column]) if isinstance(side[column], list) else side[column]

    return [column for column in EVIDENCE if value(installed, column) != value(row, column)]


def candidates(found, rows):
    """Return the names of the rows that match the installed platform, in the table's order.

    A release line that equals a row's `line` decides, if the evidence agrees. Code between releases reports master; then every
    row that the evidence agrees with is a candidate, including master's own. Of several, those remain whose Python is the
    installed one; all of them where none has it.
    """
    options = {option for row in rows for option in row["command_options"]}
    agreeing = [row for row in rows if not differences(found, row, options)]
    named = [row for row in rows if row["line"] == found["release_line"] and row["line"] != "master"]
    if named:
        return [row["name"] for row in agreeing if row in named]
    on_this_python = [row for row in agreeing if row["python"] == found["python"]]
    return [row["name"] for row in on_this_python or agreeing]


def chosen(names, named, prepares):
    """Return the candidate to continue with, None when it is ambiguous or the operator named another release.

    named: the operator's release, or None. prepares: it is the target of an upgrade; then the newest candidate is chosen, as
    in releases.resolve_release.
    """
    if named in names:
        return named
    if named is None:
        return names[0] if len(names) == 1 else None
    return names[-1] if names and prepares else None


def row_of(operation, name):
    """Return the row that operations get of a release, None for no release."""
    return dict((row["name"], row["probe"]) for row in operation["rows"]).get(name)


def run(operation, _release):
    """Return {"installed": facts, "candidates": names, "release": the one to continue with, or None}.

    operation: `rows` (releases.identify_row of each release), `named` (the operator's, or None), `prepares` (an upgrade to the
    named release is prepared).
    """
    found = facts()
    names = candidates(found, operation["rows"])
    return {"installed": found, "candidates": names, "release": chosen(names, operation["named"], operation["prepares"])}

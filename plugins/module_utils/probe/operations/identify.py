"""Which release is installed: what the platform itself shows, held against the rows of the release table.

The comparison stands here and not on the controller, so that one boot can find the release and go on with its row.
"""

from __future__ import absolute_import

from ..engine import edxapp
from ..protocol import EVIDENCE

# What may differ between releases and can be seen without a guess; each is a column of the table of the same name.


def facts():
    """Return the platform's release line and the evidence, named as the columns are."""
    config = edxapp.config()
    prefix = "block_structure."
    names = ("invalidate_cache_on_publish", "raise_error_when_not_found", "storage_backing_for_cache")
    return {
        "release_line": edxapp.release_line(),
        "command_options": edxapp.command_options(),
        "switches": [prefix + name for name in names if hasattr(config, name.upper())],
        "switch_api": "namespace" if hasattr(config, "waffle") else "objects",
        "storage_resolver": (
            "resolve_storage_backend" if hasattr(edxapp.models(), "resolve_storage_backend") else "get_storage"
        ),
        "course_index": "mongo" if edxapp.course_index_model() is None else "sql",
    }


def differences(found, row, options):
    """Return the columns in which the installed platform is not as a row says.

    options: every option that some row names; the command has others, of Django itself.
    """
    installed = dict(found, command_options=[name for name in found["command_options"] if name in options])

    def value(side, column):
        return sorted(side[column]) if isinstance(side[column], list) else side[column]

    return [column for column in EVIDENCE if value(installed, column) != value(row, column)]


def candidates(found, rows):
    """Return the names of the rows that the installed platform may be, in the table's order.

    A release line that is a row's own (`line`) decides, if the evidence agrees. Code between releases calls itself master;
    then every row that the evidence agrees with is one, and master's own row counts as the others do.
    """
    options = {option for row in rows for option in row["command_options"]}
    agreeing = [row for row in rows if not differences(found, row, options)]
    named = [row for row in rows if row["line"] == found["release_line"] and row["line"] != "master"]
    return [row["name"] for row in agreeing if not named or row in named]


def chosen(names, named, prepares):
    """Return the candidate to go on with, None where several may be installed or the operator's word is for another release.

    named: that word, or None. prepares: it is for the release of an upgrade; then the newest, as releases.settle does.
    """
    if named in names:
        return named
    if named is None:
        return names[0] if len(names) == 1 else None
    return names[-1] if names and prepares else None


def row_of(operation, name):
    """Return what operations are told of a release, None where there is none."""
    return dict((row["name"], row["probe"]) for row in operation["rows"]).get(name)


def run(operation, _release):
    """Return {"installed": facts, "candidates": names, "release": the one to go on with, or None}.

    operation: `rows` (releases.identify_row of each release), `named` (the operator's, or None), `prepares` (an upgrade to the
    named release is prepared).
    """
    found = facts()
    names = candidates(found, operation["rows"])
    return {"installed": found, "candidates": names, "release": chosen(names, operation["named"], operation["prepares"])}

"""Remove objects that no row names: of deleted courses, versions beyond the limit, canaries of interrupted deploys.

Never an object that a row names, one of the newest `num_versions_to_keep` of an existing course, or a young one: a worker
writes the object before it commits the row.
"""

from __future__ import absolute_import

import posixpath
import time

from ..engine import edxapp, facts, lock, objects
from ..protocol import describe, emit
from . import candidate

DEFAULT_MIN_AGE_SECONDS = 86400


def _named():
    """Return {directory: name of the object that its row names}."""
    names = edxapp.models().BlockStructureModel.objects.values_list("data", flat=True)
    return dict((posixpath.dirname(posixpath.normpath(name)), posixpath.normpath(name)) for name in names if name)


def unnamed(listing, named, keep, canaries, now, min_age):
    """Return [{"name", "bytes", "age_seconds", "why"}] of the objects that may be removed. Pure.

    listing: objects.Listing. named: {directory: object}. keep: versions to keep, None for all. canaries: their directory.
    """
    folders = {}
    for name in listing.names:
        folders.setdefault(posixpath.dirname(name), []).append(name)
    found = []
    for folder in sorted(folders):
        # Like the platform's pruning: newest by name, which is the time of writing.
        names = sorted(folders[folder])
        kept = {named[folder]} if folder in named else set()
        if folder == canaries:
            why = "left by an interrupted deploy"
        elif folder not in named:
            why = "its course was deleted"
        else:
            why = "older than the versions to keep"
            kept.update(names if not keep or keep < 1 else names[-keep:])
        for name in names:
            modified = listing.modified.get(name)
            age = None if modified is None else int(now - modified)
            if name not in kept and age is not None and age >= min_age:
                found.append({"name": name, "bytes": listing.bytes.get(name), "age_seconds": age, "why": why})
    return found


def _remove(entries):
    """Remove objects one by one, each after a last check of the rows; returns the removed names, and the failures."""
    backend, rows = edxapp.storage(), edxapp.models().BlockStructureModel.objects
    removed, failures = [], []
    report = time.time()
    for entry in entries:
        if time.time() - report >= 1:
            report = time.time()
            emit("progress", operation="prune", done=len(removed), total=len(entries), failed=len(failures))
        try:
            if rows.filter(data=entry["name"]).exists():
                continue
            backend.delete(entry["name"])
            removed.append(entry["name"])
        except Exception as error:
            failures.append(dict(describe(error), key=entry["name"]))
    return removed, failures


def run(operation, release):
    """List objects that no row names; with `remove`, remove them under the site's lock.

    min_age_seconds: younger objects stay. Returns {"objects": [entry], "bytes", "listed", "removed": [name], "failures"}.
    """
    edxapp.forget_request()
    min_age = operation.get("min_age_seconds")
    min_age = DEFAULT_MIN_AGE_SECONDS if min_age is None else min_age
    canaries = posixpath.normpath(objects.prefix() + candidate.CANARY_FOLDER)

    starts = list(objects.KEY_STARTS)
    starts.append(candidate.CANARY_FOLDER)

    def inspect():
        # Objects first: one that is written after the listing cannot appear as unnamed.
        listing = objects.listing(starts)
        keep = facts.configuration_row()["num_versions_to_keep"]
        return listing, unnamed(listing, _named(), keep, canaries, time.time(), min_age)

    removed, failures = [], []
    if operation.get("remove"):
        with lock.site_lock(operation.get("run")):
            listing, entries = inspect()
            removed, failures = _remove(entries)
    else:
        listing, entries = inspect()
    return {
        "objects": entries,
        "bytes": sum(entry["bytes"] or 0 for entry in entries),
        "listed": len(listing.names),
        "removed": removed,
        "failures": failures,
    }

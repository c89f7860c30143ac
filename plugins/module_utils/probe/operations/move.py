"""Copy the objects that rows name to the storage of other settings, and point the rows to the copies.

This process runs on the active settings, so the source is the storage that the rows refer to. Names contain the time of
writing, so objects are immutable: an interrupted move resumes, and existing copies are only compared. Nothing is deleted at the
source.
"""

from __future__ import absolute_import

import posixpath
import time

from ..engine import (
    edxapp,
    fetching,
    hollow,
    objects,
)
from ..protocol import describe, emit, is_under
from . import candidate, generate

# Consecutive failures per thread after which an outage ends the move.
PATIENCE = 2
# Words of the resilient class (its signing.py and remote.py): of an object that this site signed, and of those that it does not
# use, with the outcome.
VALID = "valid"
DISTRUSTED = dict(dict.fromkeys(("unsigned", "other_key", "tampered"), "unverified"), damaged="damaged", garbled="damaged")


class CopyError(Exception):
    """The copy differs from its source."""


def new_name(name, prefix, usage_key):
    """Return the name of a row's object under a DIRECTORY_PREFIX; an object that is there already keeps its name.

    Source: edx-platform block_structure/models.py, _directory_name and _path_name.
    """
    if is_under(name, prefix):
        return name
    return prefix + str(usage_key).replace("/", "_") + "/" + posixpath.basename(name)


def _is_missing(store, name, problem):
    """Return whether a failed read means that the object does not exist; 403 and an outage do not."""
    if problem["code"] in ("404", "NoSuchKey", "missing") or problem["type"] == "FileNotFoundError":
        return True
    return store.kind != "s3" and not store.backend.exists(name)


def _content(store, name):
    """Return (an object's bytes, the status of its signature), the first None where there is no object."""
    try:
        return store.fetch(name)
    except Exception as error:
        if _is_missing(store, name, describe(error)):
            return None, None
        raise


def _there(store, name):
    """Return what is at the target, as _content() does; an object that must not be used there counts as another one."""
    try:
        return _content(store, name)
    except Exception as error:
        if describe(error)["code"] in DISTRUSTED:
            return b"", None
        raise


def _write(target, name, data, verified):
    """Write an object and return its name; sign it only if it was verified, so that nothing is signed that others wrote."""
    from django.core.files.base import ContentFile

    if verified and hasattr(target.backend, "store"):
        target.backend.store(name, data)
        return name
    return _plain(target.backend).save(name, ContentFile(data))


def _plain(backend):
    """Return the storage without the resilient class's help, which hides failures of S3."""
    return getattr(backend, "strict", lambda: backend)()


def _size(store, name):
    """Return an object's size, None where there is none."""
    try:
        return store.backend.size(name)
    except Exception as error:
        if _is_missing(store, name, describe(error)):
            return None
        raise


def copy(source, target, name, wanted):
    """Copy one object and read it back; returns {"done", "bytes"}, raises the storage's exceptions, and CopyError.

    done: copied; present: an identical copy existed; replaced: a different object existed; missing, damaged or unverified (its
    signature) at the source, which cannot serve learners there either.
    """
    try:
        data, status = _content(source, name)
    except Exception as error:
        done = DISTRUSTED.get(describe(error)["code"])
        if done:
            return {"done": done, "bytes": None}
        raise
    if data is None:
        return {"done": "missing", "bytes": None}
    try:
        hollow.count_blocks(data)
    except Exception:
        return {"done": "damaged", "bytes": len(data)}
    verified = status == VALID
    there, signed = _there(target, wanted)
    if there == data and (signed == status or not verified):
        return {"done": "present", "bytes": len(data)}
    if there is not None and not getattr(target.backend, "file_overwrite", False):
        _plain(target.backend).delete(wanted)
    saved = _write(target, wanted, data, verified)
    if saved != wanted:
        raise CopyError("it was stored as %s" % saved)
    if _content(target, wanted)[0] != data:
        raise CopyError("the object read back differs from the one written")
    return {"done": "copied" if there is None else "replaced", "bytes": len(data)}


def predict(source, target, name, wanted):
    """Return {"done", "bytes"} predicted for copy(), by size alone: copy, present, missing."""
    size = _size(source, name)
    if size is None:
        return {"done": "missing", "bytes": None}
    return {"done": "present" if _size(target, wanted) == size else "copy", "bytes": size}


def adopt(source, target, name, wanted):
    """Return {"done", "bytes"} of what copy() does where there is no copy yet; one that is there was compared before."""
    size = _size(target, wanted)
    return copy(source, target, name, wanted) if size is None else {"done": "present", "bytes": size}


class Mover(object):
    """Processes the rows with several threads; `do` is copy(), predict() or adopt(). prefix: None keeps every name.

    reports: emit an event per object. repoint() does not: for it a missing object is not a failure.
    """

    def __init__(self, source, target, prefix, do, workers, reports=True):
        self.source, self.target, self.prefix, self.do, self.reports = source, target, prefix, do, reports
        # Only boto3's storages and files are thread-safe.
        several = all(store.kind == "files" or hasattr(store.backend, "_connections") for store in (source, target))
        self.threads = (workers or fetching.THREADS) if several else 1
        self.outage = None
        self._in_a_row = 0

    def __call__(self, rows):
        """Return one report per row: key, from, name, done, bytes and, if it failed, problem. done `left`: not started."""
        reports, reported = [], time.time()
        for _, report in fetching.concurrently(self._one, rows, self.threads):
            reports.append(report)
            if self.reports:
                emit("object", **report)
            if time.time() - reported >= 1 or len(reports) == len(rows):
                reported = time.time()
                failed = sum(1 for one in reports if one["done"] == "failed")
                emit("progress", operation="move", done=len(reports), total=len(rows), failed=failed)
        return sorted(reports, key=lambda report: report["key"])

    def _one(self, row):
        name = str(row.data.name)
        report = {"key": str(row.data_usage_key.course_key), "from": name, "done": "left", "bytes": None}
        report["name"] = name if self.prefix is None else new_name(name, self.prefix, row.data_usage_key)
        if self.outage:
            return report
        try:
            report.update(self.do(self.source, self.target, name, report["name"]))
            self._in_a_row = 0
        except Exception as error:
            report.update(done="failed", problem=describe(error))
            self._in_a_row += 1
            if generate.outage_of(error) and self._in_a_row >= PATIENCE * self.threads:
                self.outage = generate.outage_of(error)
        return report


def _rows():
    return list(edxapp.models().BlockStructureModel.objects.exclude(data="").order_by("data_usage_key"))


def run(operation, _release):
    """Return {"problem", "canary", "objects": [report], "ended": done or outage, "outage", "seconds"}.

    operation: target: the complete new BLOCK_STRUCTURES_SETTINGS with secrets; workers: threads (8); dry_run: copy nothing;
    keep_names: the copies have the names that the rows have, so that these need no change.
    problem: why the target's storage cannot be created, then nothing was done; canary: as in candidate.py, unless dry_run.
    """
    start = time.time()
    wanted = operation["target"]
    prefix = str(wanted.get("DIRECTORY_PREFIX") or "")
    result = {"problem": None, "canary": None, "objects": [], "ended": "done", "outage": None}
    try:
        target = fetching.Store(edxapp.storage_of(wanted))
    except Exception as error:
        return dict(result, problem=describe(error))
    if not operation.get("dry_run"):
        canary = candidate.prove(_plain(target.backend), prefix)
        result["canary"] = canary
        if canary.get("problem") or canary["public"]:
            return result
    do = predict if operation.get("dry_run") else copy
    named = None if operation.get("keep_names") else prefix
    mover = Mover(fetching.Store(), target, named, do, int(operation.get("workers") or 0))
    result["objects"] = mover(_rows())
    result.update(ended="outage" if mover.outage else "done", outage=mover.outage)
    return dict(result, seconds=round(time.time() - start, 3))


def repoint(operation, _release):
    """Point rows to their objects under the active prefix; a row that is published again meanwhile is left alone.

    run() made the copies; those that an interrupted deploy left out are made now, within the active storage.
    Returns {"renamed": [keys], "left": [keys]}; left: rows without any object, which the generation regenerates.
    """
    edxapp.forget_request()
    prefix, store = objects.prefix(), fetching.Store()
    rows = [row for row in _rows() if not is_under(str(row.data.name), prefix)]
    mover = Mover(store, store, prefix, adopt, int(operation.get("workers") or 0), reports=False)
    known = dict((str(row.data_usage_key.course_key), row) for row in rows)
    renamed, left = [], []
    for report in mover(rows):
        row = known[report["key"]]
        if report["done"] in ("copied", "present"):
            # Not save(), which would also change the time of modification.
            same = edxapp.models().BlockStructureModel.objects.filter(pk=row.pk, data=report["from"])
            same.update(data=report["name"])
            renamed.append(report["key"])
        else:
            left.append(report["key"])
    return {"renamed": renamed, "left": left}

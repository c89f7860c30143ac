"""Generate courses with the platform's own code, and verify each result.

A run: take the site's lock, inspect all courses at once, select, refuse to lose data, generate here or on the platform's
Celery workers, and verify against the storage.
"""

from __future__ import absolute_import

import multiprocessing
import time

from ..engine import (
    edxapp,
    enqueue,
    facts,
    lock,
    memory,
    objects,
    selection,
    shortcuts,
    site,
    tally,
    workers,
)
from ..protocol import describe, emit

DEFAULT_TIMEOUT_SECONDS = 1800
DEFAULT_PATIENCE_SECONDS = 300
LISTED_FROM = 20  # up to this number of objects each is checked by its own request
_UNREACHABLE_CODES = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504")
_SERVICES = {"botocore": "storage", "urllib3": "storage", "pymongo": "modulestore"}


class RefusedError(Exception):
    """The run would lose data and was not started. `identifier` and `remedy` as in selection.SelectionError."""

    def __init__(self, identifier, cause, remedy):
        Exception.__init__(self, cause)
        self.identifier = identifier
        self.remedy = remedy


def outage_of(error):
    """Return which service an exception shows to be down: "storage", "database", "modulestore", or None.

    Sources: botocore/exceptions.py (connection errors; ClientError carries the answer), S3 API reference
    (error codes), django/db/utils.py (OperationalError: "errors outside of the control of the programmer"), pymongo/errors.py.
    """
    while error is not None:
        if getattr(error, "is_outage", False):  # the resilient class
            return "storage"
        name = type(error).__name__
        package = type(error).__module__.split(".")[0]
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            status = (answer.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0
            return "storage" if status >= 500 or describe(error)["code"] in _UNREACHABLE_CODES else None
        if package == "django" and name in ("OperationalError", "InterfaceError"):
            return "database"
        if package in _SERVICES and any(word in name for word in ("Connect", "Timeout", "HTTPClient", "Selection")):
            return _SERVICES[package]
        error = getattr(error, "__cause__", None)
    return None


class _CountingStore(object):
    """Wraps the platform's store of one manager, and records the number of blocks stored."""

    def __init__(self, store):
        self._store = store
        self.blocks = None

    def __getattr__(self, name):
        return getattr(self._store, name)

    def add(self, block_structure):
        """Count the blocks and store."""
        self.blocks = sum(1 for _ in block_structure.get_block_keys())
        return self._store.add(block_structure)


class CourseJob(workers.Job):
    """A worker's job for one course: generate like `generate_course_blocks --force_update --with_storage`, then verify."""

    def __init__(self, release, reasons, deep):
        self.release, self.reasons, self.deep = release, reasons, deep

    def prepare(self):
        """Compute once what the platform computes again for each block."""
        shortcuts.install()

    def __call__(self, key_text):
        edxapp.forget_request()
        edxapp.assume_storage(self.release)
        report = {"status": "failed", "why": self.reasons.get(key_text), "type": None, "message": None, "code": None}
        try:
            self._generate(key_text, report)
        except Exception as error:
            report.update(describe(error), outage=outage_of(error))
            edxapp.reconnect()
            if not report["outage"] and self._is_gone(key_text):
                report.update(status="gone", message="the course was deleted during the run")
        return report

    def _generate(self, key_text, report):
        manager = edxapp.api().get_block_structure_manager(edxapp.course_key(key_text))
        if self.reasons.get(key_text) == "not-cached":
            manager.get_collected()  # row and object are intact: reading them like a request fills the cache
        else:
            manager.store = _CountingStore(manager.store)
            manager.update_collected_if_needed()
            report["blocks"] = manager.store.blocks
        report.update(inspect_course(manager.root_block_usage_key, self.release, self.deep))
        published = edxapp.published_version(key_text)
        if published is None:
            # It was deleted while we wrote: also remove what we wrote after the platform's cleanup.
            manager.clear()
            report.update(status="gone", message="the course was deleted during the run")
        elif not report["row"]:
            report.update(type="NoRow", message="the platform reported success and wrote no row")
        elif report["unreadable"]:
            report.update(report["unreadable"])
        else:
            report["fresh"] = not published or report["version"] == published
            report["status"] = "ok"

    def _is_gone(self, key_text):
        try:
            return edxapp.published_version(key_text) is None
        except Exception:  # report the first exception instead
            return False


def _seen(row):
    seen = dict.fromkeys(("object", "version", "bytes", "unreadable"))
    return dict(seen, row=row is not None, tier="modulestore")


def inspect_course(usage_key, release, deep=False):
    """Return how one course is served now: row, object, version, bytes, tier; deep: read the object and unpickle it."""
    from openedx.core.djangoapps.content.block_structure.exceptions import BlockStructureNotFound

    row = edxapp.models().BlockStructureModel.objects.filter(data_usage_key=usage_key).first()
    seen = _seen(row)
    if row is None:
        return seen
    seen.update(object=str(row.data.name), version=str(row.data_version), tier="storage")
    store = edxapp.store()
    try:
        cached = store._get_from_cache(row)
        seen.update(bytes=len(cached), tier="cache")
    except BlockStructureNotFound:
        pass
    except Exception as error:  # a cache with errors: the course is served from storage, and the error is reported
        seen["cache_error"] = describe(error)
    try:
        if deep:
            with row.data.storage.open(row.data.name) as stream:
                data = stream.read()
            seen["blocks"] = sum(1 for _ in store._deserialize(data, usage_key).get_block_keys())
            seen["bytes"] = len(data)
        elif seen["bytes"] is None:
            seen["bytes"] = row.data.size
    except Exception as error:
        seen.update(tier="cache" if seen["tier"] == "cache" else "modulestore", unreadable=describe(error))
    return seen


class ReadJob(workers.Job):
    """A worker's job in a run that reads: check whether the object is readable, and cached if it fits."""

    def __init__(self, release):
        self.release = release
        self.item_size = edxapp.memcached_item_size()

    def __call__(self, key_text):
        edxapp.forget_request()
        edxapp.assume_storage(self.release)
        report = {"status": "ok", "unreadable": None, "not_cached": False}
        try:
            usage_key = edxapp.root_usage_key(edxapp.course_key(key_text))
            seen = inspect_course(usage_key, self.release, deep=True)
        except Exception as error:
            edxapp.reconnect()
            return dict(report, status="failed", outage=outage_of(error), **describe(error))
        if seen["unreadable"]:
            report["unreadable"] = "%(type)s: %(message)s" % seen["unreadable"]
        report["not_cached"] = seen["row"] and seen["tier"] != "cache" and self._fits(seen["bytes"])
        return report

    def _fits(self, size):
        limits = (self.release["cache_cap_bytes"], self.release["client_item_limit_bytes"], self.item_size)
        timeout = facts.configuration_row()["cache_timeout_in_seconds"]
        if size is None or (timeout is not None and timeout <= 0):
            return False
        return all(limit is None or size + edxapp.ITEM_OVERHEAD_BYTES < limit for limit in limits)


def _number(operation, name, default):
    """Return an option as a number: Ansible's `-e name=value` passes text."""
    given = operation.get(name)
    return default if given is None else int(given)


class Options(object):
    """The options of a run, from its operation.

    workers: processes, default one per core less one. memory_mb: limit of all workers together.
    course_timeout_seconds: per course and attempt. patience_seconds: longest outage that the run waits for.
    """

    def __init__(self, operation):
        self.engine = operation.get("engine") or "local"
        self.workers = _number(operation, "workers", max(1, multiprocessing.cpu_count() - 1))
        self.timeout = _number(operation, "course_timeout_seconds", DEFAULT_TIMEOUT_SECONDS)
        self.memory_mb = _number(operation, "memory_mb", None)
        self.patience = _number(operation, "patience_seconds", DEFAULT_PATIENCE_SECONDS)
        self.routing_key = operation.get("routing_key")
        self.batch = _number(operation, "batch", enqueue.DEFAULT_BATCH)


def _refuse_data_loss(release):
    """The platform prunes after each write; with 0 versions to keep it deletes the new object (models._prune_files)."""
    from django.conf import settings

    keep = facts.configuration_row()["num_versions_to_keep"]
    prunes = not release["pruning_active_honoured"] or settings.BLOCK_STRUCTURES_SETTINGS.get("PRUNING_ACTIVE", False)
    if prunes and keep is not None and keep < 1:
        raise RefusedError(
            "would-delete-all",
            "num_versions_to_keep is %d: the platform would delete each object right after writing it." % keep,
            "run openedx_operators.block_structure.deploy, which sets it, or set it to 1 or more in the Django administration.",
        )


def _read_all(courses, spec, release, options):
    """Read the objects of the courses in scope, and add the results to their facts."""
    scope = selection.in_scope(courses, spec)
    named = dict((facts["key"], facts) for facts in scope if facts["row"] and facts["exists"] is not False)

    def take(report):
        facts = named[report["key"]]
        facts["not_cached"] = report.get("not_cached")
        facts["unreadable"] = report.get("unreadable")
        if report["status"] == "failed":
            facts["unreadable"] = "%s: %s" % (report["type"], report["message"])

    counts = tally.Tally("read", dict((key, facts["bytes"]) for key, facts in named.items()), take)
    pool = _forked(ReadJob(release), sorted(named), counts, options)
    pool.work()
    return pool.stopped


def _missing_objects(reports):
    """Return the reports of objects that the storage acknowledged and does not have."""
    written = [report for report in reports if report["status"] == "ok" and report.get("object")]
    if len(written) <= LISTED_FROM:
        return [report for report in written if not _exists(report["object"])]
    try:
        listed = objects.listing()
    except Exception as error:
        emit("warning", message="the storage could not be listed after the run: %(type)s: %(message)s" % describe(error))
        return []
    return [report for report in written if report["object"] not in listed and not _exists(report["object"])]


def _exists(name):
    """Return whether an object exists; one that its row no longer names counts as existing: a publish replaced it."""
    backend = edxapp.storage()
    try:
        named = edxapp.models().BlockStructureModel.objects.filter(data=name).exists()
        return not named or backend.exists(name)
    except Exception:
        return True


def _plan(operation, release, options):
    spec = operation.get("select") or {}
    wants_reading = "broken" in (spec.get("only") or []) or operation.get("read")
    courses, unpublished = site.inspect()
    selection.check(courses, spec, unpublished)
    stopped = wants_reading and not spec.get("force") and _read_all(courses, spec, release, options)
    enrolled = site.enrolments() if spec.get("order") == "enrolled" else None
    planned = selection.choose(courses, spec, enrolled, unpublished)
    if stopped:
        planned["run"] = []
    planned["select"] = spec
    return planned


def _pool(operation, release, options, planned, take):
    """Return the engine: forked workers, or the platform's Celery workers."""
    keys = [course["key"] for course in planned]
    reasons = dict((course["key"], course["why"]) for course in planned)
    counts = tally.Tally("generate", dict((course["key"], course["bytes"]) for course in planned), take)
    if options.engine == "celery":
        return enqueue.Queue(keys, reasons, release, options, counts, inspect_course)
    return _forked(CourseJob(release, reasons, operation.get("read")), keys, counts, options)


def _forked(job, keys, counts, options):
    return workers.WorkerPool(job, keys, counts, options.workers, options.timeout, options.memory_mb, options.patience)


def _run(operation, release, options):
    _refuse_data_loss(release)
    planned = _plan(operation, release, options)
    emit("plan", **planned)
    for key in planned["gone"]:
        emit("course", key=key, status="gone", message="the course was deleted before its turn", attempt=0)
    reports = []

    def take(report):
        reports.append(dict((name, report.get(name)) for name in ("key", "status", "type", "message", "object", "fresh")))
        emit("course", **report)

    result = {"planned": len(planned["run"]), "left": [], "ended": "done", "outage": None}
    result.update((name, planned[name]) for name in ("skipped", "unpublished"))
    if planned["run"]:
        pool = _pool(operation, release, options, planned["run"], take)
        pool.work()
        result.update(left=sorted(pool.left), ended="stopped" if pool.stopped else "done")
        if pool.outage and pool.left:
            result.update(ended="outage", outage=pool.outage)
        result.update(pool.figures())
        for report in _missing_objects(reports):
            report.update(
                status="failed", type="ObjectMissing", message="the storage acknowledged the object and does not list it"
            )
            emit("course", key=report["key"], status="failed", type=report["type"], message=report["message"], attempt=1)
    result["failures"] = [report for report in reports if report["status"] == "failed"]
    result["published_meanwhile"] = [
        report["key"] for report in reports if report["status"] == "ok" and report["fresh"] is False
    ]
    return result


def run(operation, release):
    """Generate the courses that `select` selects (selection.choose), or only return the plan with `dry_run`.

    Returns planned, skipped {reason: courses}, unpublished [keys, None when unknown], failures [report], left [keys that were
    not done], ended (done, stopped, outage), outage (the service that stayed down), published_meanwhile [keys].
    Raises lock.HeldError, lock.UnsupportedError, RefusedError, selection.SelectionError.
    """
    edxapp.forget_request()
    edxapp.assume_storage(release)
    options = Options(operation)
    start = time.time()
    if operation.get("dry_run"):
        planned = _plan(operation, release, options)
        return dict(
            planned, failures=[], ended="dry-run", seconds=round(time.time() - start, 3), memory_mb=memory.resident_mb()
        )
    with lock.site_lock(operation.get("run")):
        result = _run(operation, release, options)
    edxapp.forget_request()
    return dict(result, seconds=round(time.time() - start, 3), memory_mb=memory.resident_mb())

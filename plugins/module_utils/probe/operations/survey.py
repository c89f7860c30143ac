"""Survey the site read-only: nothing is written to any tier."""

from __future__ import absolute_import

import time

from ..engine import (
    cache_server,
    edxapp,
    facts,
    fetching,
    hollow,
    pages,
)
from ..protocol import describe, emit

# Courses that are read like a learner's request to time each tier; the others are only checked.
SAMPLE = 25
SAMPLE_SECONDS = 10.0
REBUILT = 3  # courses that are rebuilt on request: the smallest, the middle one, the largest
# Fields of every course; None where not checked or not applicable.
_FIELDS = (
    "object",
    "object_exists",
    "object_error",
    "signature",
    "modified",
    "fresh",
    "draft",
    "bytes",
    "blocks",
    "cache_ms",
    "storage_ms",
    "unpickle_ms",
    "rebuild_ms",
    "rebuild_error",
    "error",
)


def _timed(function):
    start = time.time()
    value = function()
    return value, round((time.time() - start) * 1000, 1)


def spread(entries, size):
    """Return at most `size` representative entries: the largest, the smallest, and evenly between."""
    ordered = sorted(entries, key=lambda entry: entry["bytes"] or 0)
    if len(ordered) <= size:
        return ordered
    steps = [number * (len(ordered) - 1) // max(1, size - 1) for number in range(size)]
    return [ordered[step] for step in sorted(set(steps))]


class ProgressReporter(object):
    """Reports progress once a second; each course counts once for its object and once for its cache entry."""

    def __init__(self, total):
        self.total = total
        self.reported = time.time()

    def __call__(self, done):
        """Emit progress, at most once a second."""
        if time.time() - self.reported >= 1:
            self.reported = time.time()
            emit("progress", operation="survey", done=done, total=self.total, failed=0)


class Reader(object):
    """Reads courses from each tier like a learner's request."""

    def __init__(self, release, read):
        # type: (dict, bool) -> None
        self.release = release
        self.read = read
        self.index, self.unpublished = edxapp.course_index()
        self.schema = edxapp.schema_versions()
        self.store = edxapp.store()
        self.rows = edxapp.models().BlockStructureModel.objects
        self.storage = fetching.Store()

    def courses(self, keys):
        """Return one entry per course, in the order of the keys, at a cost that suits 1,000 courses.

        Rows by one query. With `read` every object is fetched and checked in parallel, and a sample is read like a learner's
        request for the milliseconds of each tier; else one listing shows which objects exist.
        """
        edxapp.forget_request()
        in_use = edxapp.storage_in_use(self.release)
        report_progress = ProgressReporter(2 * len(keys))
        rows = dict((str(row.data_usage_key.course_key), row) for row in self.rows.all())
        started = [self._start(key, rows.get(key)) for key in keys]
        names = [entry["object"] for entry, _ in started if entry["object"]]
        found = self.storage.read_all(names, report_progress) if self.read else self.storage.find_all(names)
        for number, (entry, row) in enumerate(started):
            report = found.get(entry["object"])
            if report:
                entry.update((name, report[name]) for name in ("bytes", "blocks", "signature"))
                entry.update(object_exists=report["exists"], object_error=report["error"])
            self._read_cache(entry, row, in_use)
            report_progress(len(keys) + number)
        if self.read:
            self._time_sample(started)
        return [self._judged(entry, in_use) for entry, _ in started]

    def _start(self, key_text, row):
        """Return (entry, row or None) of a course."""
        entry = dict.fromkeys(_FIELDS)
        entry.update(key=key_text, row=False, cached=False)
        if row is not None:
            entry.update(row=True, object=str(row.data.name), modified=row.modified.isoformat())
            try:
                entry["fresh"] = facts.is_fresh(row, key_text, self.index, self.schema)
                if entry["fresh"] is False:
                    entry["draft"] = facts.is_draft(row, key_text)
            except Exception as error:
                entry["error"] = describe(error)
        return entry, row

    def _judged(self, entry, in_use):
        entry["tier_when_cold"] = "storage" if in_use and entry["object_exists"] else "modulestore"
        entry["tier"] = "cache" if entry["cached"] else entry["tier_when_cold"]
        return entry

    def _read_as_learner(self, entry, row):
        """Return the object through the platform's storage, and record the time."""

        def fetch():
            with row.data.storage.open(row.data.name) as stream:
                return stream.read()

        data, entry["storage_ms"] = _timed(fetch)
        return data

    def _read_cache(self, entry, row, in_use):
        from openedx.core.djangoapps.content.block_structure.exceptions import BlockStructureNotFound

        if in_use and row is None:
            return
        try:
            model = row if in_use else self.store._get_model(edxapp.root_usage_key(edxapp.course_key(entry["key"])))
            data, milliseconds = _timed(lambda: self.store._get_from_cache(model))
        except BlockStructureNotFound:
            return
        except Exception as error:
            entry["error"] = describe(error)
            return
        entry["cached"] = True
        entry["cache_ms"] = milliseconds
        if entry["bytes"] is None:
            entry["bytes"] = len(data)
        if self.read and entry["blocks"] is None:
            entry["blocks"] = hollow.count_blocks(data)

    def _time_sample(self, started):
        """Time storage and unpickling on some readable courses, within a time limit."""
        readable = dict((entry["key"], row) for entry, row in started if entry["object_exists"])
        deadline = time.time() + SAMPLE_SECONDS
        for entry in reversed(spread([entry for entry, _ in started if entry["key"] in readable], SAMPLE)):
            self._time(entry, readable[entry["key"]])
            if time.time() > deadline:
                break

    def _time(self, entry, row):
        try:
            data = self._read_as_learner(entry, row)
            entry["unpickle_ms"] = _timed(lambda: self.store._deserialize(data, row.data_usage_key))[1]
        except Exception as error:
            # The resilient class does not contact S3 for some seconds after an outage; the object may be fine.
            if ((edxapp.storage_state() or {}).get("breaker") or {}).get("open"):
                return
            # It was intact a moment ago, so the platform cannot read it: the next cold request rebuilds.
            entry.update(object_exists=False, object_error=dict(describe(error), code="unreadable"))

    def rebuild(self, entries):
        """Time the rebuild of some courses; nothing is stored."""
        for entry in spread(entries, REBUILT):
            self._rebuild(entry)

    def _rebuild(self, entry):
        try:
            structure, entry["rebuild_ms"] = _timed(
                lambda: edxapp.collect(edxapp.root_usage_key(edxapp.course_key(entry["key"])))
            )
            entry["blocks"] = entry["blocks"] or sum(1 for _ in structure.get_block_keys())
            if entry["bytes"] is None:  # it is neither stored nor cached, perhaps because it is too large for the cache
                entry["bytes"] = len(self.store._serialize(structure))
        except Exception as error:
            entry["rebuild_error"] = describe(error)


def run(operation, release):
    """Return the survey: site, platform, settings, switches, row, storage and every course (or those named in the operation).

    read: fetch and check every object and time a sample; else only list the objects. rebuild: time some rebuilds.
    """
    start = time.time()
    edxapp.forget_request()
    result = {
        "site": pages.site_host(),
        "platform": facts.platform_facts(),
        "settings": facts.settings_facts(),
        "switches": facts.switches(release),
        "row": facts.configuration_row(),
        "key_hash": facts.key_hash(),
        "cache_server": cache_server.inspect(),
    }
    reader = Reader(release, bool(operation.get("read")))
    keys = operation.get("courses")
    keys = edxapp.course_keys(reader.index) if keys is None else keys
    result["courses"] = reader.courses(keys)
    result["unpublished"] = reader.unpublished
    if operation.get("rebuild"):
        reader.rebuild(result["courses"])
    result["storage"] = {"kind": reader.storage.kind, "in_use": edxapp.storage_in_use(release)}
    result["seconds"] = round(time.time() - start, 3)
    return result

"""Time the tiers that a learner's request waits for: nothing is written, and rebuilds run only on request."""

from __future__ import absolute_import

import time

from ..engine import edxapp, facts, pages, selection
from ..protocol import describe, emit

MAX_SIZED = 200  # courses whose size is read to choose a sample


def _timed(function, repeats):
    """Return (last value, [milliseconds, ...]); (None, []) for no repeats."""
    value, times = None, []
    for _ in range(repeats):
        start = time.time()
        value = function()
        times.append(round((time.time() - start) * 1000, 3))
    return value, times


class Course(object):
    """One course in each tier, read with the same steps as the platform's store."""

    def __init__(self, key_text):
        edxapp.forget_request()
        self.key = key_text
        self.store = edxapp.store()
        self.usage_key = edxapp.root_usage_key(edxapp.course_key(key_text))
        self.row = edxapp.models().BlockStructureModel.objects.filter(data_usage_key=self.usage_key).first()

    def model(self):
        """Return the model that the platform's store derives cache keys from. None: storage is on and there is no row."""
        from openedx.core.djangoapps.content.block_structure.exceptions import BlockStructureNotFound

        try:
            return self.store._get_model(self.usage_key)
        except BlockStructureNotFound:
            return None

    def cached(self):
        """Return the cached bytes, None when there are none."""
        model = self.model()
        return None if model is None else self.store._cache.get(self.store._encode_root_cache_key(model))

    def stored(self):
        """Return the object's bytes; raises the storage's exceptions."""
        with self.row.data.storage.open(self.row.data.name) as stream:
            return stream.read()

    def size(self):
        """Return the compressed bytes at the lowest cost, None when the course is neither stored nor cached."""
        try:
            if self.row is not None:
                return int(self.row.data.storage.size(self.row.data.name))
            data = self.cached()
            return len(data) if data else None
        except Exception:
            return None

    def rebuild(self):
        """Collect the course from the modulestore as the platform's manager does, and discard it."""
        return edxapp.collect(self.usage_key)

    def forget(self):
        """Remove only the cached structure; returns whether there was one."""
        model = self.model()
        if model is None or not self.cached():
            return False
        self.store._cache.delete(self.store._encode_root_cache_key(model))
        return True


def _read(entry, course, repeats):
    data, entry["cache_ms"] = _timed(course.cached, repeats)
    if not data:
        entry["cache_ms"] = []
    if course.row is not None:
        try:
            data, entry["storage_ms"] = _timed(course.stored, repeats)
        except Exception as error:
            entry["storage_error"] = describe(error)
    if data:
        entry["bytes"] = len(data)
        structure, entry["unpickle_ms"] = _timed(lambda: course.store._deserialize(data, course.usage_key), repeats)
        entry["blocks"] = sum(1 for _ in structure.get_block_keys())


def measure(key_text, repeats, rebuilds):
    """Return one course's times: lists of milliseconds, empty for a tier that cannot answer."""
    entry = {"key": key_text, "blocks": None, "bytes": None, "error": None, "storage_error": None}
    entry.update((name, []) for name in ("cache_ms", "storage_ms", "unpickle_ms", "rebuild_ms"))
    try:
        course = Course(key_text)
        _read(entry, course, repeats)
        if rebuilds:
            structure, entry["rebuild_ms"] = _timed(course.rebuild, rebuilds)
            if entry["blocks"] is None:
                entry["blocks"] = sum(1 for _ in structure.get_block_keys())
                entry["bytes"] = len(course.store._serialize(structure))
    except Exception as error:
        entry["error"] = describe(error)
    return entry


def sample(keys, wanted):
    """Return at most `wanted` keys that span the sizes: smallest, largest, and evenly between; unknown sizes come first."""
    if wanted >= len(keys):
        return keys
    step = max(1, len(keys) // MAX_SIZED)
    ranked = sorted(((Course(key).size() or 0), key) for key in keys[::step])
    if wanted == 1:
        return [ranked[-1][1]]
    places = sorted({number * (len(ranked) - 1) // (wanted - 1) for number in range(wanted)})
    return [ranked[place][1] for place in places]


def published(wanted):
    """Return the keys of all published courses. Raises SelectionError: there is none, or a wanted one is not among them."""
    edxapp.forget_request()
    index, unpublished = edxapp.course_index()
    known = edxapp.course_keys(index)
    if not known:
        raise selection.SelectionError(
            "no-courses", "The site has no published course to measure.", "publish a course in Studio first."
        )
    selection.require_published(wanted, known, unpublished)
    return known


def run(operation, release):
    """Time the named courses, or a sample over all sizes.

    courses: keys or None; sample: how many when None; repeats: reads of each tier; rebuilds: collections of each course.
    Returns {"host", "settings", "switches", "row", "storage_in_use", "courses": [times]}; host: the name of the LMS's site.
    """
    keys = operation.get("courses")
    if keys is None or keys:
        known = published(keys or [])
        keys = sample(known, int(operation["sample"])) if keys is None else keys
    result = {
        "host": pages.site_host(),
        "settings": facts.settings_facts(),
        "switches": facts.switches(release),
        "row": facts.configuration_row(),
        "storage_in_use": edxapp.storage_in_use(release),
        "courses": [],
    }
    for number, key in enumerate(keys, 1):
        result["courses"].append(measure(key, int(operation["repeats"]), int(operation["rebuilds"])))
        emit("progress", operation="benchmark", done=number, total=len(keys), failed=0)
    return result


def forget(operation, _release):
    """Remove the cached structures of courses, for a cold cache. Returns {"forgotten": [key]}."""
    edxapp.forget_request()
    return {"forgotten": [key for key in operation["courses"] if Course(key).forget()]}

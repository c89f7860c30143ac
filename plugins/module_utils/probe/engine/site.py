"""Facts of all courses without loading one: two queries and one listing for the whole site."""

from __future__ import absolute_import

from ..protocol import describe, emit
from . import edxapp, facts, objects


def _rows():
    """Return {course key text: row}. The key comes from the usage key: the modulestore would need a query per course."""
    rows = {}
    for row in edxapp.models().BlockStructureModel.objects.all().iterator():
        rows[str(row.data_usage_key.course_key)] = row
    return rows


def _listing():
    """Return the listing; None, with a warning, when the storage denies it."""
    try:
        return objects.listing()
    except Exception as error:
        problem = describe(error)
        if problem["code"] not in ("AccessDenied", "403"):
            raise
        emit("warning", message="the storage does not allow listing (%s); each object is requested" % problem["code"])
        return None


def _exists(row, listing):
    """Return whether the row's object exists, without a listing by one request; None when that fails."""
    if listing is not None:
        return row.data.name in listing
    try:
        return bool(row.data.storage.exists(row.data.name))
    except Exception:
        return None


def inspect():
    """Return (one dictionary per course that was ever published, ordered by key; keys of the others, None when unknown).

    key; row: there is a row; fresh: it matches the published version, None when unknown; why_stale: text;
    exists: its object exists, None without a row or when unknown; bytes: of the object, None when unknown.
    Raises the storage's exception when it cannot be listed.
    """
    (index, unpublished), schema, rows = edxapp.course_index(), edxapp.schema_versions(), _rows()
    listing = _listing()
    courses = []
    for key in edxapp.course_keys(index):
        row = rows.get(key)
        course = {"key": key, "row": row is not None, "fresh": None, "why_stale": None, "exists": None, "bytes": None}
        if row is not None:
            course["fresh"] = facts.is_fresh(row, key, index, schema)
            if course["fresh"] is False:
                course["why_stale"] = _why_stale(row, (index or {}).get(key), schema)
            course["exists"] = _exists(row, listing)
            course["bytes"] = listing.size(row.data.name) if listing is not None else None
        courses.append(course)
    return courses, unpublished


def _why_stale(row, published, schema):
    if published is not None and str(row.data_version) != str(published):
        return "version %s is stored, %s is published" % (row.data_version, published)
    differing = [name for name in sorted(schema) if str(getattr(row, name)) != schema[name]]
    return "collected by other code: %s" % ", ".join(differing) if differing else "another version than the published one"


def enrolments():
    """Return {course key text: active enrolments}; raises ImportError where the platform has no such table."""
    from django.db.models import Count

    model = edxapp.enrolment_model()
    counted = model.objects.filter(is_active=True).values_list("course_id").annotate(total=Count("id"))
    return dict((str(key), total) for key, total in counted.order_by())

"""Select the courses that a run generates. Pure: facts in, a plan out; no platform, no clock."""

from __future__ import absolute_import

import difflib
import fnmatch

ORDERS = ("key", "enrolled", "largest")
# Group that the operator can request -> its reasons.
GROUPS = {
    "missing": ("missing",),
    "stale": ("stale",),
    "broken": ("object-gone", "unreadable", "not-cached"),
}
# Default: everything that causes a rebuild for a learner, an outdated course, or (`not-cached`) a read from storage.
DEFAULT_GROUPS = ("missing", "stale", "broken")
FRESH = "fresh"


class SelectionError(ValueError):
    """An invalid selection; `identifier` is for machines, `remedy` for the operator."""

    def __init__(self, identifier, cause, remedy):
        ValueError.__init__(self, cause)
        self.identifier = identifier
        self.remedy = remedy


def reasons(facts):
    """Return [(reason, text)] why a course should be generated, the most severe first; empty when it is fine.

    facts: as returned by site.inspect; a run that reads adds `unreadable` and `not_cached`.
    """
    if not facts["row"]:
        return [("missing", "it has no row in block_structure")]
    found = []
    if facts["exists"] is False:
        found.append(("object-gone", "its object is missing in the storage"))
    if facts.get("unreadable"):
        found.append(("unreadable", facts["unreadable"]))
    if facts["fresh"] is False:
        found.append(("stale", facts["why_stale"]))
    if facts.get("not_cached"):
        found.append(("not-cached", "it fits the cache and is not in it"))
    return found


def _matching(spec, keys):
    """Return the keys that are named, or match a pattern (shell style); all keys when the selection has neither."""
    if spec.get("courses"):
        return set(keys) & set(spec["courses"])
    if spec.get("patterns"):
        return {key for key in keys if any(fnmatch.fnmatchcase(key, pattern) for pattern in spec["patterns"])}
    return set(keys)


def in_scope(courses, spec):
    """Return the facts of the courses in the scope of a selection, in their order."""
    matching = _matching(spec, [facts["key"] for facts in courses])
    return [facts for facts in courses if facts["key"] in matching]


def require_published(wanted, known, unpublished=None):
    """Raise SelectionError unless every wanted course is known; it names the nearest one. unpublished: as in `choose`."""
    absent = sorted(set(wanted) - set(known))
    if not absent:
        return
    never = sorted(set(absent) & set(unpublished or []))
    if never:
        raise SelectionError(
            "course-unpublished",
            "Never published, so learners cannot open it: %s." % ", ".join(never),
            "publish it in Studio, then run this again.",
        )
    near = difflib.get_close_matches(absent[0], sorted(known), 1, 0.5)
    raise SelectionError(
        "course-unknown",
        "The site has no published course %s." % ", ".join(absent),
        "correct the key%s; Studio shows it, and `regenerate --dry-run --force` lists all."
        % (" (the nearest is %s)" % near[0] if near else ""),
    )


def check(courses, spec, unpublished=None):
    """Raise SelectionError for courses that do not exist or were never published, and for patterns that match nothing."""
    known = {facts["key"] for facts in courses}
    if not spec.get("absent_is_gone"):
        require_published(spec.get("courses") or [], known, unpublished)
    for pattern in spec.get("patterns") or []:
        if not any(fnmatch.fnmatchcase(key, pattern) for key in known):
            raise SelectionError(
                "pattern-matches-nothing",
                "No published course matches the pattern '%s'." % pattern,
                "use * and ? as in 'course-v1:ExampleX+*'.",
            )


def _ordered(courses, order, enrolled):
    """Return the courses in their order, ties by key. Courses of unknown size come first: they have no stored object."""
    if order == "enrolled":
        return sorted(courses, key=lambda facts: (-enrolled.get(facts["key"], 0), facts["key"]))
    if order == "largest":
        return sorted(courses, key=lambda facts: (facts["bytes"] is not None, -(facts["bytes"] or 0), facts["key"]))
    return sorted(courses, key=lambda facts: facts["key"])


def choose(courses, spec, enrolled=None, unpublished=None):
    """Return the plan {"run", "skipped", "gone", "unpublished"}.

    run: [{"key", "why", "words", "bytes"}]. skipped: {reason: count}. gone: keys of deleted courses. unpublished: keys in scope
    that were never published, None when unknown.

    courses: facts of every published course. spec: courses, patterns (scope); only (missing, stale, broken) or force; limit;
    order; except (keys to leave out); absent_is_gone (report a named course that does not exist, instead of an error).
    """
    check(courses, spec, unpublished)
    left_out = set(spec.get("except") or [])
    wanted = {reason for group in spec.get("only") or DEFAULT_GROUPS for reason in GROUPS[group]}
    run, skipped = [], {}
    for facts in _ordered(in_scope(courses, spec), spec.get("order"), enrolled or {}):
        found = reasons(facts)
        fitting = [(why, text) for why, text in found if why in wanted]
        if facts["key"] in left_out:
            why = "left-out"
        elif spec.get("force"):
            text = found[0][1] if found else "it is up to date"
            run.append({"key": facts["key"], "why": "forced", "words": text, "bytes": facts["bytes"]})
            continue
        elif fitting:
            run.append({"key": facts["key"], "why": fitting[0][0], "words": fitting[0][1], "bytes": facts["bytes"]})
            continue
        else:
            why = found[0][0] if found else FRESH
        skipped[why] = skipped.get(why, 0) + 1
    limit = len(run) if spec.get("limit") is None else int(spec["limit"])
    if len(run) > limit:
        skipped["over-limit"] = len(run) - limit
        run = run[:limit]
    known = {facts["key"] for facts in courses}
    return {
        "run": run,
        "skipped": skipped,
        "gone": sorted(set(spec.get("courses") or []) - known),
        "unpublished": None if unpublished is None else sorted(_matching(spec, unpublished)),
    }

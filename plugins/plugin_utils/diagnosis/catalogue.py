"""Every finding that a look at a site can bring up. docs/diagnose.md is written from this table; tests hold the code to it."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """subject: what it is about. severities: those it can have. meaning: one sentence. asked: how it is found out."""

    subject: str
    severities: tuple[str, ...]
    meaning: str
    asked: str


_SURVEY = "the LMS boot"
_S3 = "S3, with the LMS's credentials"
_STRANGER = "S3, without credentials"
_BUCKET = "S3, with the operator's credentials"
_CLASS = "the storage class's own record on the host"
_MEMCACHED = "memcached's own counters"
_REDIS = "Redis's own INFO, by the LMS's client"
_FORKS = "forks of the booted LMS"

CATALOGUE: dict[str, Entry] = {
    "course-not-stored": Entry("courses", ("error",), "No row or no object stands behind the cache.", _SURVEY),
    "object-missing": Entry("courses", ("error",), "The row names an object that is gone: a rebuild at each cold read.", _S3),
    "object-corrupt": Entry("courses", ("error",), "The object is damaged, or the LMS cannot unpickle it.", _S3),
    "object-unreadable": Entry("courses", ("error",), "S3 answers something else than the object or 'not found'.", _S3),
    "course-stale": Entry("courses", ("warning",), "What is stored is older than what is published.", _SURVEY),
    "course-unpublished": Entry(
        "courses", ("info",), "A course of Studio that the LMS does not have (told from Maple on).", _SURVEY
    ),
    "generation-failed": Entry("courses", ("error",), "A course cannot be collected at all.", "the deploy"),
    "storage-off": Entry("storage", ("error",), "The release's storage switch is off.", _SURVEY),
    "storage-in-media": Entry(
        "storage", ("error",), "Pickles lie where the web server publishes files.", "the files themselves"
    ),
    "storage-world-readable": Entry("storage", ("warning",), "Stored files are readable by others.", "the files themselves"),
    "storage-world-writable": Entry("storage", ("error",), "Stored files are writable by others.", "the files themselves"),
    "storage-local": Entry("storage", ("error",), "Several LMS hosts, and a directory of one of them.", _SURVEY),
    "pod-disk": Entry("storage", ("warning",), "Kubernetes: structures end with the pod that wrote them.", _SURVEY),
    "storage-unusable": Entry("storage", ("error",), "S3 does not serve the LMS at all.", _S3),
    "storage-without-tls": Entry("storage", ("warning",), "Structures travel unencrypted.", _SURVEY),
    "prefix-leading-slash": Entry("storage", ("error",), "Django refuses every name: nothing is stored.", _SURVEY),
    "prefix-no-trailing-slash": Entry("storage", ("warning",), "The prefix melts into the course's key.", _SURVEY),
    "prefix-unsafe": Entry("storage", ("warning",), "The prefix has an empty or a parent-folder part.", _SURVEY),
    "kwarg-ignored": Entry("storage", ("warning",), "A STORAGE_KWARGS name that this django-storages ignores.", _SURVEY),
    "kwarg-refused": Entry("storage", ("error",), "A STORAGE_KWARGS name that this django-storages refuses.", _SURVEY),
    "kwarg-unhashable": Entry("storage", ("error",), "A STORAGE_KWARGS value that this release cannot hash.", _SURVEY),
    "acl-public": Entry("storage", ("error",), "New objects are written with a public access-control list.", _SURVEY),
    "object-public": Entry("storage", ("error",), "Strangers can read stored structures.", _STRANGER),
    "bucket-listable": Entry("storage", ("error",), "Strangers can list the bucket.", _STRANGER),
    "bucket-policy-public": Entry("storage", ("error",), "The bucket's policy allows everybody something.", _BUCKET),
    "bucket-not-private": Entry("storage", ("warning",), "Public access to the bucket is not blocked.", _BUCKET),
    "bucket-not-examined": Entry("storage", ("info",), "No credentials to read the bucket's policy.", _BUCKET),
    "iam-list-bucket-missing": Entry(
        "storage", ("error",), "403 for a missing object: an error page instead of a rebuild.", _S3
    ),
    "pruning-off": Entry("storage", ("info",), "Old versions are never removed.", _SURVEY),
    "storage-local-unusable": Entry("storage", ("error",), "No local copies are kept and nothing is spooled.", _CLASS),
    "storage-spooled": Entry("storage", ("warning",), "Objects wait on the host for S3.", _CLASS),
    "storage-spool-full": Entry("storage", ("warning",), "Objects found no room to wait.", _CLASS),
    "storage-outage": Entry("storage", ("warning",), "S3 does not serve this host now.", _CLASS),
    "storage-damaged": Entry("storage", ("warning",), "Objects or copies did not match their digest.", _CLASS),
    "storages-override": Entry("settings", ("error",), "Django's STORAGES has an entry that overrides ours.", _SURVEY),
    "settings-differ": Entry("settings", ("error",), "Settings in force are not those of the inventory.", _SURVEY),
    "hosts-differ": Entry("settings", ("error",), "LMS hosts disagree.", "the LMS boot of each host"),
    "workers-differ": Entry("settings", ("error",), "An LMS worker runs with other settings.", "Celery's remote control"),
    "studio-differs": Entry("settings", ("error",), "Studio's worker runs with other settings.", "Celery's remote control"),
    "workers-silent": Entry("settings", ("info",), "No worker told its settings.", "Celery's remote control"),
    "processes-outdated": Entry("settings", ("warning",), "Processes older than their settings file.", "/proc of the LMS host"),
    "row-differs": Entry("database", ("error",), "The configuration row is not that of the inventory.", _SURVEY),
    "versions-below-one": Entry("database", ("error",), "Pruning deletes what was just written.", _SURVEY),
    "versions-unlimited": Entry("database", ("info",), "Nothing is ever pruned.", _SURVEY),
    "timeout-not-positive": Entry("database", ("error",), "Nothing is ever cached.", _SURVEY),
    "cache-expires": Entry("database", ("warning", "info"), "Structures expire whether they changed or not.", _SURVEY),
    "switch-differs": Entry("database", ("error",), "A switch is not as the inventory wants it.", _SURVEY),
    "switch-raises": Entry("database", ("error",), "Errors instead of rebuilds, with courses that are not stored.", _SURVEY),
    "switch-invalidates": Entry("database", ("warning",), "Each publish empties the cache for the next learner.", _SURVEY),
    "switch-inert": Entry("database", ("info",), "A switch that this release does not read.", _SURVEY),
    "cache-unreachable": Entry("cache", ("error",), "A memcached of the alias default is down.", _MEMCACHED),
    "cache-key-hash": Entry("cache", ("error", "warning"), "Long cache keys cannot be hashed (md4).", _SURVEY),
    "cache-raises": Entry("cache", ("warning", "error"), "The cache client raises into the request.", _SURVEY),
    "cache-cap": Entry("cache", ("info",), "Over what the release ever caches.", _SURVEY),
    "cache-client-limit": Entry(
        "cache", ("warning", "info"), "Over what the client sends; no counter moves. info: storage answers.", _SURVEY
    ),
    "item-size-small": Entry("cache", ("warning",), "Over memcached's -I.", _MEMCACHED),
    "memcached-small": Entry("cache", ("warning",), "Less memory or item size than the structures need.", _MEMCACHED),
    "cache-evictions": Entry(
        "cache", ("warning", "info"), "Structures were evicted. info: all that fit are cached now.", _MEMCACHED
    ),
    "cache-alias-confusion": Entry("cache", ("warning",), "The wrong alias was given the room.", _MEMCACHED),
    "redis-unreachable": Entry("cache", ("error",), "The LMS's Redis does not answer.", _REDIS),
    "redis-small": Entry("cache", ("warning",), "maxmemory is less than the structures need.", _REDIS),
    "redis-policy": Entry("cache", ("warning",), "A full Redis evicts no structure, or nothing at all.", _REDIS),
    "redis-unlimited": Entry("cache", ("info",), "No maxmemory.", _REDIS),
    "runtime-collector": Entry(
        "runtime", ("info",), "Unpickling would gain by other thresholds of Python's collector.", _FORKS
    ),
    "runtime-no-gain": Entry("runtime", ("info",), "Other thresholds of Python's collector would bring nothing.", _FORKS),
}

"""Every finding that a diagnosis can report. docs/diagnose.md is generated from this table; tests hold the code to it."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """subject: part of the site. severities: the possible ones. meaning: one sentence. asked: source of the evidence."""

    subject: str
    severities: tuple[str, ...]
    meaning: str
    asked: str


_SURVEY = "the LMS boot"
_S3 = "S3, with the LMS's credentials"
_ANONYMOUS = "S3, without credentials"
_BUCKET = "S3, with the operator's credentials"
_CLASS = "the storage class's state file on the host"
_MEMCACHED = "memcached's counters"
_REDIS = "Redis INFO, through the LMS's client"
_FORKS = "forks of the booted LMS"

CATALOGUE: dict[str, Entry] = {
    "course-not-stored": Entry("courses", ("error",), "Storage has no row or no object for the course.", _SURVEY),
    "object-missing": Entry("courses", ("error",), "The row names an object that is gone; each cold read rebuilds it.", _S3),
    "object-corrupt": Entry("courses", ("error",), "The object is damaged, or the LMS cannot unpickle it.", _S3),
    "object-not-verified": Entry(
        "courses", ("error",), "The object's signature is missing, wrong or of another key; it is not unpickled.", _S3
    ),
    "object-unreadable": Entry("courses", ("error",), "S3 answers neither with the object nor with 'not found'.", _S3),
    "course-stale": Entry("courses", ("warning",), "The stored structure is older than the published course.", _SURVEY),
    "drafts-served": Entry(
        "courses", ("error",), "Rows have a draft's version: Studio's worker stores structures, learners see drafts.", _SURVEY
    ),
    "drafts-at-next-publish": Entry(
        "courses",
        ("error",),
        "Studio's processes would store the next published course, with its drafts: its settings or its worker's queues.",
        "Celery's remote control",
    ),
    "queue-unread": Entry(
        "courses", ("warning",), "No worker reads the queue to which Studio sends published courses.", "Celery's remote control"
    ),
    "course-unpublished": Entry(
        "courses", ("info",), "A course exists in Studio but not in the LMS (Maple and later).", _SURVEY
    ),
    "generation-failed": Entry("courses", ("error",), "The platform cannot collect the course at all.", "the deploy"),
    "storage-off": Entry("storage", ("error",), "The release's storage switch is off.", _SURVEY),
    "storage-in-media": Entry(
        "storage", ("error",), "Pickles are in a directory that the web server publishes.", "the files themselves"
    ),
    "storage-world-readable": Entry("storage", ("warning",), "Stored files are readable by others.", "the files themselves"),
    "storage-world-writable": Entry("storage", ("error",), "Stored files are writable by others.", "the files themselves"),
    "storage-local": Entry("storage", ("error",), "Several LMS hosts use a directory that is local to each.", _SURVEY),
    "pod-disk": Entry("storage", ("warning",), "Kubernetes: structures are lost with the pod that wrote them.", _SURVEY),
    "pods-without-readiness": Entry(
        "runtime", ("info",), "Kubernetes: a rolling update sends learners to pods that still start.", "kubectl"
    ),
    "storage-unusable": Entry("storage", ("error",), "The LMS cannot use S3 at all.", _S3),
    "storage-without-tls": Entry("storage", ("warning",), "Structures cross the network unencrypted.", _SURVEY),
    "prefix-leading-slash": Entry("storage", ("error",), "Django rejects every object name; nothing is stored.", _SURVEY),
    "prefix-no-trailing-slash": Entry("storage", ("warning",), "The prefix runs into the course key.", _SURVEY),
    "prefix-unsafe": Entry("storage", ("warning",), "The prefix has an empty or a '..' component.", _SURVEY),
    "kwarg-ignored": Entry("storage", ("warning",), "A STORAGE_KWARGS name that this django-storages ignores.", _SURVEY),
    "kwarg-refused": Entry("storage", ("error",), "A STORAGE_KWARGS name that this django-storages refuses.", _SURVEY),
    "kwarg-unhashable": Entry("storage", ("error",), "A STORAGE_KWARGS value that this release cannot hash.", _SURVEY),
    "acl-public": Entry("storage", ("error",), "New objects are written with a public access-control list.", _SURVEY),
    "object-public": Entry("storage", ("error",), "Anonymous requests can read stored structures.", _ANONYMOUS),
    "bucket-listable": Entry("storage", ("error",), "Anonymous requests can list the bucket.", _ANONYMOUS),
    "bucket-policy-public": Entry("storage", ("error",), "The bucket policy grants access to everyone.", _BUCKET),
    "bucket-not-private": Entry("storage", ("warning",), "Public access to the bucket is not blocked.", _BUCKET),
    "bucket-not-examined": Entry("storage", ("info",), "The bucket policy could not be read.", _BUCKET),
    "iam-list-bucket-missing": Entry(
        "storage", ("error",), "S3 answers 403 for a missing object: an error page instead of a rebuild.", _S3
    ),
    "pruning-off": Entry("storage", ("info",), "Old versions are never removed.", _SURVEY),
    "storage-local-unusable": Entry("storage", ("error",), "No local copies are kept and nothing is spooled.", _CLASS),
    "storage-spooled": Entry("storage", ("warning",), "Objects wait on the host for S3.", _CLASS),
    "storage-spool-full": Entry("storage", ("warning",), "The spool rejected objects because it is full.", _CLASS),
    "storage-outage": Entry("storage", ("warning",), "S3 is unavailable to this host.", _CLASS),
    "storage-damaged": Entry("storage", ("warning",), "Objects or local copies do not match their digest.", _CLASS),
    "storage-tampered": Entry("storage", ("error",), "Objects or copies have a signature that does not match.", _CLASS),
    "storage-other-key": Entry("storage", ("warning",), "Objects or copies are signed with another SECRET_KEY.", _CLASS),
    "storage-unsigned-refused": Entry("storage", ("warning",), "Objects or copies without a signature were not used.", _CLASS),
    "storage-unsigned-read": Entry("storage", ("info",), "Objects without a signature were read.", _CLASS),
    "signing-off": Entry("storage", ("info",), "Objects are not signed.", _CLASS),
    "objects-unsigned": Entry(
        "storage", ("warning", "info"), "Courses whose objects are unsigned. info: you accept that.", "each object's metadata"
    ),
    "storage-foreign": Entry("storage", ("warning",), "The local directory has entries of another user.", _CLASS),
    "storage-garbled": Entry("storage", ("warning",), "Answers of S3 said success and were no objects.", _CLASS),
    "storage-upload-refused": Entry("storage", ("warning",), "S3 refuses objects that wait on the host.", _CLASS),
    "storage-superseded": Entry("storage", ("info",), "Newer versions replaced objects that waited for S3.", _CLASS),
    "storage-tls-unverified": Entry("storage", ("warning",), "The certificate of S3 is not checked.", _SURVEY),
    "storage-global-parameters": Entry(
        "storage", ("warning", "error"), "Each write takes global AWS_* settings. error: a public ACL is one.", _SURVEY
    ),
    "storages-override": Entry("settings", ("error",), "An entry in Django's STORAGES overrides the role's settings.", _SURVEY),
    "settings-differ": Entry("settings", ("error",), "The effective settings differ from the inventory.", _SURVEY),
    "hosts-differ": Entry("settings", ("error",), "LMS hosts have different settings.", "the LMS boot of each host"),
    "workers-differ": Entry("settings", ("error",), "An LMS worker runs with other settings.", "Celery's remote control"),
    "studio-differs": Entry("settings", ("error",), "Studio's worker runs with other settings.", "Celery's remote control"),
    "workers-silent": Entry("settings", ("info",), "No worker reported its settings.", "Celery's remote control"),
    "processes-outdated": Entry(
        "settings", ("error",), "Processes are older than their settings file.", "/proc of the LMS host"
    ),
    "row-differs": Entry("database", ("error",), "The configuration row differs from the inventory.", _SURVEY),
    "versions-below-one": Entry("database", ("error",), "Pruning deletes what was just written.", _SURVEY),
    "versions-unlimited": Entry("database", ("info",), "Nothing is ever pruned.", _SURVEY),
    "timeout-not-positive": Entry("database", ("error",), "Nothing is ever cached.", _SURVEY),
    "cache-expires": Entry("database", ("warning", "info"), "Structures expire even when the course has not changed.", _SURVEY),
    "switch-differs": Entry("database", ("error",), "A switch differs from the inventory.", _SURVEY),
    "switch-raises": Entry("database", ("error",), "Courses that are not stored answer with errors.", _SURVEY),
    "switch-invalidates": Entry("database", ("warning",), "Each publish empties the cache for the next learner.", _SURVEY),
    "switch-inert": Entry("database", ("info",), "This release no longer reads the switch.", _SURVEY),
    "cache-unreachable": Entry("cache", ("error",), "A memcached of the alias default is down.", _MEMCACHED),
    "cache-key-hash": Entry("cache", ("error", "warning"), "Long cache keys cannot be hashed (md4).", _SURVEY),
    "cache-raises": Entry("cache", ("warning", "error"), "The cache client raises exceptions into the request.", _SURVEY),
    "cache-cap": Entry("cache", ("info",), "Larger than the release ever caches.", _SURVEY),
    "cache-client-limit": Entry(
        "cache", ("warning", "info"), "Larger than the client sends; no counter moves. info: storage serves it.", _SURVEY
    ),
    "item-size-small": Entry(
        "cache", ("warning", "info"), "Larger than memcached's -I. info: a restart would cost more than it brings.", _MEMCACHED
    ),
    "memcached-small": Entry("cache", ("warning",), "Less memory than structures and other tenants need.", _MEMCACHED),
    "cache-evictions": Entry(
        "cache", ("warning", "info"), "Structures were evicted. info: all that fit are cached again.", _MEMCACHED
    ),
    "cache-open": Entry(
        "cache", ("warning", "info"), "memcached listens to others, without a password. info: as the LMS needs it.", _MEMCACHED
    ),
    "cache-alias-confusion": Entry("cache", ("warning",), "The extra memory was given to the wrong cache alias.", _MEMCACHED),
    "redis-unreachable": Entry("cache", ("error",), "The LMS cannot connect to its Redis.", _REDIS),
    "redis-small": Entry("cache", ("warning",), "maxmemory is less than the structures need.", _REDIS),
    "redis-policy": Entry("cache", ("warning",), "A full Redis never evicts structures, or evicts nothing.", _REDIS),
    "redis-evictions": Entry(
        "cache", ("warning", "info"), "Redis evicted keys. info: every structure is cached again.", _REDIS
    ),
    "redis-open": Entry(
        "cache",
        ("warning", "info"),
        "Redis asks for no password, and others may reach it. info: not on the LMS's host.",
        _REDIS,
    ),
    "redis-unlimited": Entry("cache", ("info",), "No maxmemory.", _REDIS),
    "runtime-collector": Entry("runtime", ("info",), "Garbage collection out of band would speed up large courses.", _FORKS),
    "runtime-keys": Entry("runtime", ("info",), "Hashes of keys computed once would speed up large courses.", _FORKS),
    "runtime-no-gain": Entry("runtime", ("info",), "Neither choice for the runtime would gain anything.", _FORKS),
}

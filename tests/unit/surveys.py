"""Surveys as the probe returns them: a healthy site with one course, plus the changes of a test."""

from __future__ import annotations

from typing import Any

KEY = "course-v1:ExampleX+1+2026"
CLASS = "storages.backends.s3boto3.S3Boto3Storage"
SETTINGS = {"STORAGE_CLASS": CLASS, "DIRECTORY_PREFIX": "courses/", "STORAGE_KWARGS": {"bucket_name": "b-c", "location": ""}}
ROW = {"num_versions_to_keep": 5, "cache_timeout_in_seconds": None}
PYMEMCACHE = "django.core.cache.backends.memcached.PyMemcacheCache"


def entry(**course: Any) -> dict[str, Any]:
    """Return the survey of one course."""
    return {
        "key": KEY,
        "row": True,
        "object": "courses/block/x",
        "object_exists": True,
        "bytes": 1000,
        "fresh": True,
        "cached": True,
        "cache_ms": 1.0,
        "storage_ms": 9.0,
        "unpickle_ms": 2.0,
        "rebuild_ms": None,
        "blocks": 10,
        "tier": "cache",
        "tier_when_cold": "storage",
        "error": None,
        "object_error": None,
        **course,
    }


def survey(**course: Any) -> dict[str, Any]:
    """Return a survey of one course."""
    cache = {
        "backend": PYMEMCACHE,
        "locations": ["cache1:11211"],
        "client_limit_bytes": None,
        "options": {"ignore_exc": True},
    }
    return {
        "platform": {"command_options": [], "release_line": "master"},
        "settings": {
            "block_structures": {**SETTINGS, "PRUNING_ACTIVE": True},
            "media_root": "/edx/var/edxapp/media/",
            "storage": {"default_acl": None, "bucket_name": "b-c", "endpoint_url": None},
            "storage_root": None,
            "cache": cache,
            "caches": {"default": cache, "course_structure_cache": dict(cache)},
            # Not the platform's default, which is in test_memcached_restart.py.
            "sessions": {"engine": "django.contrib.sessions.backends.cached_db", "only_in_cache": False, "locations": []},
        },
        "switches": {},
        "row": {"exists": True, **ROW},
        "key_hash": None,
        "storage": {"kind": "s3", "in_use": True, "objects": 1, "bytes": 1000, "listing_problem": None},
        "courses": [entry(**course)],
        "unpublished": [],
    }

"""List the objects in the storage of block structures, with bulk requests where possible.

Sources: edx-platform block_structure/models.py (names of directories and files); django-storages backends/s3boto3.py and
backends/s3.py (`bucket`, `location`); Django's FileSystemStorage.
"""

from __future__ import absolute_import

import calendar
import os
import posixpath

from . import edxapp

# Directories of structures begin with these, after DIRECTORY_PREFIX: usage keys of split and of old courses.
KEY_STARTS = ("block-v1:", "i4x:")


class Listing(object):
    """Objects by name, as rows name them.

    bytes, modified: {name: size}, {name: seconds since 1970}; None where the storage does not list them.
    """

    def __init__(self):
        self.names = set()
        self.bytes = {}
        self.modified = {}

    def add(self, name, size=None, modified=None):
        """Add one object."""
        name = posixpath.normpath(name)
        self.names.add(name)
        self.bytes[name] = size
        self.modified[name] = modified

    def __contains__(self, name):
        return posixpath.normpath(name) in self.names

    def size(self, name):
        """Return the bytes of an object, None when unknown."""
        return self.bytes.get(posixpath.normpath(name))


def prefix():
    """Return DIRECTORY_PREFIX, which the platform prepends to usage keys unchanged."""
    from django.conf import settings

    return str(settings.BLOCK_STRUCTURES_SETTINGS.get("DIRECTORY_PREFIX", "") or "")


def listing(starts=KEY_STARTS):
    """Return every object under the prefix whose directory begins with one of `starts`; raises the storage's exceptions."""
    backend = edxapp.storage()
    found = Listing()
    for start in starts:
        if hasattr(backend, "bucket") and hasattr(backend.bucket, "objects"):
            _list_s3(backend, prefix() + start, found)
        elif hasattr(backend, "base_location"):
            _list_files(backend, prefix() + start, found)
        else:
            _list_any(backend, prefix() + start, found)
    return found


def _list_s3(backend, start, found):
    """List up to 1,000 objects per request.

    By ListObjectsV2, not by the bucket's collection: with version 1 Ceph restarts at the second page when keys have a plus
    sign, as course keys do.
    """
    location = str(getattr(backend, "location", "") or "").strip("/")
    base = location + "/" if location else ""
    pages = backend.bucket.meta.client.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=backend.bucket.name, Prefix=base + start):
        if "IsTruncated" not in page:
            raise IOError("the answer is no listing, so it is not from S3")
        for item in page.get("Contents", ()):
            found.add(item["Key"][len(base) :], item["Size"], calendar.timegm(item["LastModified"].utctimetuple()))


def _list_files(backend, start, found):
    folder, begin = posixpath.split(start)
    top = backend.path(folder) if folder else backend.path("")
    for name in sorted(os.listdir(top)) if os.path.isdir(top) else []:
        if not name.startswith(begin) or not os.path.isdir(os.path.join(top, name)):
            continue
        for file_name in os.listdir(os.path.join(top, name)):
            status = os.stat(os.path.join(top, name, file_name))
            found.add(posixpath.join(folder, name, file_name), status.st_size, int(status.st_mtime))


def _list_any(backend, start, found):
    """List with one request per directory: any Django storage can do that."""
    folder, begin = posixpath.split(start)
    try:
        names = backend.listdir(folder)[0]
    except (IOError, OSError):  # there is no such directory yet
        return
    for name in names:
        if name.startswith(begin):
            for file_name in backend.listdir(posixpath.join(folder, name))[1]:
                found.add(posixpath.join(folder, name, file_name))

"""Read many stored objects in parallel, without changing any.

Reads use several threads, because each one waits for the network (20 to 40 ms from S3, measured). boto3's clients may be shared
between threads (boto3 documentation, "Clients": multithreading).
"""

from __future__ import absolute_import

import collections
import gc
import gzip
import io
import threading

from ..protocol import describe
from . import edxapp, hollow, objects

THREADS = 8
COLLECTED_EVERY = 200


def concurrently(function, items, threads):
    """Yield (item, function(item)) in order of completion; exceptions of `function` are raised here.

    Not multiprocessing's pool: its locks are files in /dev/shm, which may be full on a host with problems.
    """
    todo, done, ready = collections.deque(items), collections.deque(), threading.Semaphore(0)
    expected = len(todo)

    def work():
        while True:
            try:
                item = todo.popleft()
            except IndexError:
                return
            try:
                done.append((item, function(item), None))
            except BaseException as error:  # without an answer of this thread the caller would wait forever
                done.append((item, None, error))
            ready.release()

    for _ in range(min(threads, expected)):
        thread = threading.Thread(target=work)
        thread.daemon = True
        thread.start()
    for _ in range(expected):
        ready.acquire()
        item, value, error = done.popleft()
        if error is not None:
            raise error
        yield item, value


def s3_client(backend):
    """Return (client, bucket name) of a boto3 S3 storage, else (None, None)."""
    try:
        bucket = backend.bucket
        return bucket.meta.client, bucket.name
    except AttributeError:  # files, or boto of old releases
        return None, None


def key_of(backend, name):
    """Return the bucket key of a name in the storage."""
    clean = getattr(backend, "_clean_name", str)
    return backend._normalize_name(clean(name))


def root_of(backend):
    """Return the directory of a file storage, else None."""
    return str(backend.location) if hasattr(backend, "base_location") and hasattr(backend, "path") else None


class Store(object):
    """The storage in use, or another one; `kind` is s3, files or other."""

    def __init__(self, backend=None):
        self.backend = edxapp.storage() if backend is None else backend
        self.client, self.bucket = s3_client(self.backend)
        self.root = root_of(self.backend)
        self.kind = "s3" if self.client else ("files" if self.root else "other")
        self._spooled = None

    def _waits(self, key):
        """Return whether an object waits in this host's spool: it was written while S3 was down and is uploaded later."""
        if self._spooled is None:  # read once, and only when something is fetched: it reads each waiting object completely
            waiting = self.backend.waiting() if hasattr(self.backend, "waiting") else []
            self._spooled = dict((report["name"], report.get("signature")) for report in waiting)
        return key in self._spooled

    def fetch(self, name):
        """Return (the whole object as bytes, the status of its signature or None for a class that does not sign).

        From S3 itself, never from a storage class's local copy. A class that verifies raises for what must not be unpickled.
        """
        key = key_of(self.backend, name) if self.kind == "s3" else None
        if key is None or self._waits(key):
            with self.backend.open(name) as stream:
                return stream.read(), (self._spooled or {}).get(key)
        answer = self.client.get_object(Bucket=self.bucket, Key=key)
        data = answer["Body"].read()
        status = self.backend.checked(name, answer, data) if hasattr(self.backend, "checked") else None
        if answer.get("ContentEncoding") == "gzip":
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read()
        return data, status

    def read(self, name):
        """Return {"exists", "bytes", "blocks", "error", "signature"} of one object, read completely.

        Code `corrupt` if it is damaged; signature: as fetch() returns it.
        """
        report = _nothing()
        try:
            data, report["signature"] = self.fetch(name)
            report["bytes"] = len(data)
            try:
                report["blocks"] = hollow.count_blocks(data)
                report["exists"] = True
            except Exception as error:
                report["error"] = dict(describe(error), code="corrupt")
        except Exception as error:
            report["error"] = describe(error)
        return report

    def _stat(self, name):
        report = _nothing()
        try:
            report["bytes"] = self.backend.size(name)
            report["exists"] = True
        except Exception as error:
            report["error"] = describe(error)
        return report

    def read_all(self, names, report_progress):
        """Return {name: result of read()} of many objects; report_progress(done) is called after each."""
        found = {}
        was_on = gc.isenabled()
        # Garbage collection while millions of small objects are created takes half of the time (measured on a real LMS).
        gc.disable()
        try:
            for name, report in concurrently(self.read, names, THREADS if self.kind == "s3" else 1):
                found[name] = report
                report_progress(len(found))
                if len(found) % COLLECTED_EVERY == 0:
                    gc.collect()
        finally:
            if was_on:
                gc.enable()
        return found

    def find_all(self, names):
        """Return the same without reading: from one listing, and by one request for each object that it lacks."""
        try:
            listing = objects.listing()
        except Exception:  # then each object is requested, and its error shows the reason
            listing = objects.Listing()
        found = {}
        for name in names:
            found[name] = dict(_nothing(), exists=True, bytes=listing.size(name)) if name in listing else self._stat(name)
        return found


def _nothing():
    return {"exists": False, "bytes": None, "blocks": None, "error": None, "signature": None}

"""The storage class: the release's own S3 class, made safe to stand behind every course page.

The platform rebuilds a structure when its file is "not found" (an OSError other than EACCES and EPERM), and answers HTTP 500 to
the learner for everything else that a storage raises (edx-platform block_structure/models.py, _storage_error_handling). So here
every failure to read is "not found", and no failure to write is raised at all.
"""

import contextlib
import logging
import threading
import time

from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from storages.utils import clean_name

from . import __version__, breaker, copies, counters, envelope, folder, options, remote

try:
    from storages.backends.s3 import S3Storage as ReleaseS3Storage  # django-storages 1.14 and later
except ImportError:
    from storages.backends.s3boto3 import S3Boto3Storage as ReleaseS3Storage  # 1.5 to 1.13

log = logging.getLogger(__name__)

DRAIN_BUDGET_SECONDS = 60.0  # for one object in the background, where nobody waits
DRAIN_AFTER_START_SECONDS = 5.0  # so that no start waits for it
DRAIN_INTERVAL_SECONDS = 30.0  # between looks into the spool in one process


# Settings -> what instances with the same ones share.
_SHARED = {}


def _again(cls, settings):
    return cls(**settings)


class BoundedS3Storage(ReleaseS3Storage):
    """The release's S3 class with bounded waiting; it still raises what S3 answers.

    Raises ImproperlyConfigured for a keyword argument that cannot work.
    """

    connect_timeout_seconds = options.DEFAULTS["connect_timeout_seconds"]
    read_timeout_seconds = options.DEFAULTS["read_timeout_seconds"]
    attempts = options.DEFAULTS["attempts"]

    def __init__(self, **settings):
        super().__init__(**settings)
        for option in options.of(type(self)):
            problem = options.problem(option, getattr(self, option))
            if problem:
                raise ImproperlyConfigured(problem)
        # django-storages 1.14 renamed it, and warns about whoever still sets the former one.
        name = "client_config" if getattr(self, "client_config", None) is not None else "config"
        bounds = Config(
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=self.read_timeout_seconds,
            retries={"max_attempts": int(self.attempts) - 1},  # Config counts what follows the first attempt
        )
        setattr(self, name, getattr(self, name).merge(bounds))

    def get_default_settings(self):
        """Return the names that django-storages 1.10 and later accept, with their defaults."""
        return dict(super().get_default_settings(), **options.of(type(self)))


class ResilientS3Storage(BoundedS3Storage):
    """Reads from local copies, then from S3; writes to both, or to a spool while S3 does not take it."""

    budget_seconds = options.DEFAULTS["budget_seconds"]
    breaker_seconds = options.DEFAULTS["breaker_seconds"]
    local_directory = options.DEFAULTS["local_directory"]
    local_max_bytes = options.DEFAULTS["local_max_bytes"]
    spool_max_bytes = options.DEFAULTS["spool_max_bytes"]

    def __init__(self, **settings):
        super().__init__(**settings)
        self._settings = settings
        # From Ulmo on the platform makes a new instance for each pruning (resolve_storage_backend); what is costly is shared.
        shared = _SHARED.setdefault(repr(sorted(settings.items())), {})
        first = not shared
        if first:
            shared.update(self._make())
        self.__dict__.update(shared)
        if first:
            # What waited while no process ran goes out soon after the start, and not in anybody's request.
            self._start_draining(DRAIN_AFTER_START_SECONDS)

    def _make(self):
        """Return what all instances with the same settings share in this process."""
        place = "%s %s" % (self.endpoint_url or "", self.bucket_name)
        where = folder.Folder(self.local_directory)
        if self.local_directory and not where.usable:
            log.error("Block structure storage: no local copies are kept and nothing is spooled: %s.", where.problem)
        return {
            "_folder": where,
            "_copies": copies.Copies(where, place, int(self.local_max_bytes)),
            "_spool": copies.Spool(where, place, int(self.spool_max_bytes)),
            "_breaker": breaker.Breaker(where, float(self.breaker_seconds)),
            "_counters": counters.Counters(where),
            "_remote": remote.Remote(lambda: self.connection.meta.client, self.bucket_name, float(self.budget_seconds)),
            "_looked": {"at": time.time()},
        }

    def __reduce__(self):
        # Sockets and locks stay where they are; a copy elsewhere is made anew.
        return _again, (type(self), self._settings)

    def _key(self, name):
        """Return the key in the bucket of a name as the row holds it."""
        return self._normalize_name(clean_name(name))

    # What the platform calls.

    def _open(self, name, mode="rb"):
        """Return the object as a file in memory. Raises FileNotFoundError for whatever keeps it from being read whole."""
        if "w" in mode:
            return super()._open(name, mode)
        self._drain_now_and_then()
        return ContentFile(self._read(self._key(name)), name=name)

    def _save(self, name, content):
        """Write the object to S3, or to the spool while S3 does not take it, and keep a copy. Raises nothing for either."""
        content.seek(0)
        data = content.read()
        data = data.encode("utf-8") if isinstance(data, str) else data
        key = self._key(name)
        if self._put(key, data):
            self._start_draining()
        else:
            self._to_spool(key, data)
        self._keep(key, data)
        return clean_name(name)

    def exists(self, name):
        """Say whether S3 has or will have the object; while S3 cannot tell a local copy counts. Raises OSError without one."""
        return self._size_or_none(self._key(name)) is not None

    def size(self, name):
        """Return the object's length. Raises FileNotFoundError."""
        size = None
        with contextlib.suppress(OSError):
            size = self._size_or_none(self._key(name))
        if size is None:
            raise FileNotFoundError("There is no %s" % name)
        return size

    def delete(self, name):
        """Delete the object here and in S3; one that S3 does not delete now is deleted by the next pruning."""
        key = self._key(name)
        for drawer in (self._copies, self._spool):
            with contextlib.suppress(OSError):
                drawer.forget(key)
        if self._breaker.allows():
            with self._told("delete", key, "It is left for the next pruning"):
                self._remote.delete(key)
                self._breaker.close()

    def listdir(self, name):
        """Return (directories, files) as S3 has them. Raises OSError when S3 does not tell; pruning then waits."""
        if not self._breaker.allows():
            raise OSError("S3 is left alone after an outage")
        directory = self._key(name).rstrip("/")
        try:
            listed = self._remote.listdir(directory + "/" if directory else "")
        except remote.FailureError as failure:
            self._tell("list", name, failure, "Nothing is pruned now")
            raise OSError("S3 did not list %s: %s" % (name, failure.words)) from failure
        self._breaker.close()
        return listed

    # Reading.

    def _read(self, key):
        data = self._local(key)
        if data is not None:
            return data
        if not self._breaker.allows():
            self._counters.add("read_skipped")
            log.warning("Block structure storage: %s is not on this host and S3 is left alone; the course is rebuilt.", key)
            raise FileNotFoundError("S3 is left alone after an outage, and this host has no copy of %s" % key)
        try:
            data, checked = self._remote.get(key)
        except remote.FailureError as failure:
            if failure.cause == "missing":
                self._breaker.close()
                self._counters.add("read_missing")
            else:
                self._tell("read", key, failure, "It counts as not found, so the course is rebuilt")
            raise FileNotFoundError("%s cannot be read: %s" % (key, failure.words)) from failure
        self._breaker.close()
        self._counters.add("read_s3" if checked else "read_s3_without_digest")
        self._keep(key, data)
        return data

    def _local(self, key):
        """Return what this host has of the object: its copy, or what waits in the spool."""
        for drawer, counter in ((self._copies, "read_local"), (self._spool, "read_spool")):
            data = self._drawn(drawer, key)
            if data is not None:
                self._counters.add(counter)
                return data
        return None

    def _drawn(self, drawer, key):
        """Return the object from one drawer; None if it is not there or not whole."""
        try:
            return drawer.read(key)
        except envelope.DamagedError as error:
            self._counters.add("local_damaged")
            log.error("Block structure storage: the local file of %s was damaged and is removed: %s.", key, error)
        except OSError as error:
            self._counters.add("local_failed")
            log.error("Block structure storage: the local file of %s cannot be read: %s.", key, error)
        return None

    def _keep(self, key, data):
        """Keep a local copy if the disk takes it."""
        try:
            self._copies.write(key, data)
        except OSError as error:
            self._counters.add("local_failed")
            log.error("Block structure storage: no local copy of %s can be kept: %s.", key, error)

    def _size_or_none(self, key):
        if self._breaker.allows():
            try:
                size = self._remote.size(key)
            except remote.FailureError as failure:
                if failure.cause == "missing":
                    self._breaker.close()
                    waiting = self._drawn(self._spool, key)
                    return None if waiting is None else len(waiting)
                self._tell("look at", key, failure, "What this host has counts")
            else:
                self._breaker.close()
                return size
        local = self._local(key)
        if local is None:
            raise OSError("S3 does not tell whether it has %s, and this host has no copy" % key)
        return len(local)

    # Writing.

    def _parameters(self):
        """Return the further arguments of PutObject that the release's class would give."""
        given = dict(getattr(self, "object_parameters", None) or {})
        given.setdefault("ContentType", self.default_content_type)
        if self.default_acl:
            given.setdefault("ACL", self.default_acl)
        if getattr(self, "encryption", False):  # django-storages 1.8
            given.setdefault("ServerSideEncryption", "AES256")
        return given

    def _put(self, key, data):
        """Write to S3; return whether S3 has it."""
        if not self._breaker.allows():
            return False
        with self._told("write", key, "It waits in the spool of this host"):
            self._remote.put(key, data, self._parameters())
            self._breaker.close()
            self._counters.add("written_s3")
            return True
        return False

    def _to_spool(self, key, data):
        try:
            self._spool.write(key, data)
        except (copies.FullError, OSError) as error:
            self._counters.add("spool_refused")
            log.error("Block structure storage: %s is stored nowhere and will be rebuilt when it is read: %s.", key, error)
        else:
            self._counters.add("spooled")

    # The spool.

    def _start_draining(self, after=0.0):
        """Upload what waits in the background, if anything does."""
        self._looked["at"] = time.time()
        with contextlib.suppress(OSError, RuntimeError):  # the system has no thread left: it is tried again
            if self._spool.is_waiting():
                timer = threading.Timer(after, self.drain)
                timer.daemon = True
                timer.start()

    def drain(self, wait_seconds=0.0):
        """Upload the spooled objects, oldest first, until S3 fails; return {"uploaded", "left", "problem"}.

        One process at a time on a host, for which this one waits so long; `problem` is None, or why objects are left.
        """
        uploaded, problem = 0, None
        if self._folder.usable:
            with self._spool.alone(wait_seconds) as mine:
                if mine:
                    uploaded, problem = self._drain_mine()
                else:
                    problem = "another process is uploading"
        left = len(self._spool.waiting())
        if uploaded:
            log.info("Block structure storage: %d spooled objects are in S3 now, %d are left.", uploaded, left)
        return {"uploaded": uploaded, "left": left, "problem": problem if left else None}

    def _drain_mine(self):
        uploaded = 0
        for _, _, path in self._spool.waiting():
            try:
                content = folder.read(path)
                if content is None:
                    continue
                key, data = envelope.unpack(content)
                self._remote.put(key, data, self._parameters(), DRAIN_BUDGET_SECONDS)
            except envelope.DamagedError as error:
                self._counters.add("local_damaged")
                log.error("Block structure storage: the spooled file %s is damaged and removed: %s.", path, error)
                folder.remove(path)
                continue
            except remote.FailureError as failure:
                self._tell("upload", path, failure, "It stays in the spool")
                return uploaded, failure.words
            except OSError as error:
                return uploaded, str(error)
            self._breaker.close()
            self._counters.add("uploaded")
            folder.remove(path)
            uploaded += 1
        return uploaded, None

    def _drain_now_and_then(self):
        if time.time() - self._looked["at"] > DRAIN_INTERVAL_SECONDS and self._breaker.until() < time.time():
            self._start_draining()

    # Telling.

    @contextlib.contextmanager
    def _told(self, operation, key, consequence):
        """Swallow and tell the failure of S3 in the body."""
        try:
            yield
        except remote.FailureError as failure:
            self._tell(operation, key, failure, consequence)

    def _tell(self, operation, key, failure, consequence):
        """Count a failure of S3, log one line with cause and cost, and open the breaker for an outage."""
        alone = ""
        if failure.is_outage:
            self._breaker.open(failure.cause)
            alone = " S3 is left alone for %.0f s." % self.breaker_seconds
        self._counters.add(
            "%s_failed_%s" % (operation.replace(" ", "_"), failure.cause),
            {"operation": operation, "cause": failure.cause, "words": failure.words, "time": time.time()},
        )
        (log.error if failure.cause == "damaged" else log.warning)(
            "Block structure storage: S3 did not %s %s: %s after %.2f s (%s). %s.%s",
            operation,
            key,
            failure.cause,
            failure.seconds,
            failure.words,
            consequence,
            alone,
        )

    # For operators and tests.

    def strict(self):
        """Return a storage for the same objects that raises what S3 answers and has no local side, to prove credentials."""
        own = set(options.DEFAULTS) - set(options.of(BoundedS3Storage))
        return BoundedS3Storage(**{name: value for name, value in self._settings.items() if name not in own})

    def waiting(self):
        """Return {"name", "bytes", "since"} of each object that waits for S3, oldest first; a damaged file has no name."""
        told = []
        for since, size, path in self._spool.waiting():
            try:
                name = envelope.unpack(folder.read(path) or b"")[0]
            except (envelope.DamagedError, OSError):
                name = None
            told.append({"name": name, "bytes": size, "since": since})
        return told

    def state(self):
        """Return what a look at this host shows: version, local folder, copies, spool, breaker and counters."""
        spooled = self._spool.waiting()
        return {
            "version": __version__,
            "local_directory": self.local_directory,
            "problem": self._folder.problem,
            "copies": self._copies.summary(),
            "spool": dict(self._spool.summary(), waiting=len(spooled), oldest=spooled[0][0] if spooled else None),
            "breaker": self._breaker.state(),
            "counters": self._counters.state(),
        }

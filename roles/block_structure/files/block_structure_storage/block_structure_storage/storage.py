"""The storage class: the release's own S3 class, made safe to stand behind every course page.

The platform rebuilds a structure when its file is "not found" (an OSError other than EACCES and EPERM), and answers HTTP 500 to
the learner for everything else that a storage raises (edx-platform block_structure/models.py, _storage_error_handling). So here
every failure to read is "not found", and no failure to write is raised at all.
"""

import atexit
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import django.conf
from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from storages.utils import clean_name

from . import __version__, breaker, copies, counters, draining, envelope, folder, options, remote, reporting, signing

try:
    from storages.backends.s3 import S3Storage as ReleaseS3Storage  # django-storages 1.14 and later
except ImportError:
    from storages.backends.s3boto3 import S3Boto3Storage as ReleaseS3Storage  # 1.5 to 1.13

log = logging.getLogger(__name__)

# Of the partitions of AWS, as in botocore's endpoints.json.
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov")
SIGNATURE_THREADS = 8  # of which each waits for the network most of the time

# Settings -> what instances with the same ones share.
_SHARED = {}


def _checksums(endpoint):
    """Return the Config that lets a store which is not AWS off boto3's own checksums; digests of ours go with each object.

    boto3 1.36 and later send them behind a body in aws-chunked encoding, which Ceph, Swift and MinIO refuse over TLS.
    """
    host = urlsplit(endpoint or "").hostname
    if host is None or host.endswith(AWS_DOMAINS):
        return Config()
    try:
        return Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    except TypeError:  # an older botocore, which has none
        return Config()


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
        # Null keeps the site's global setting away; a dictionary, which the release's class wants, could not be hashed.
        self.object_parameters = getattr(self, "object_parameters", None) or {}
        # django-storages 1.14 renamed it, and warns about whoever still sets the old one.
        name = "client_config" if getattr(self, "client_config", None) is not None else "config"
        bounds = Config(
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=self.read_timeout_seconds,
            retries={"max_attempts": int(self.attempts) - 1},  # Config counts what follows the first attempt
        )
        setattr(self, name, getattr(self, name).merge(bounds).merge(_checksums(self.endpoint_url)))

    def get_default_settings(self):
        """Return the names that django-storages 1.10 and later accept, with their defaults."""
        return dict(super().get_default_settings(), **options.of(type(self)))

    def _key(self, name):
        """Return the key in the bucket of a name as the row holds it."""
        return self._normalize_name(clean_name(name))

    def _prefix(self, name):
        """Return the prefix of all keys in a directory, for listing it."""
        directory = self._key(name).rstrip("/")
        return directory + "/" if directory else ""

    def listdir(self, name):
        """Return (directories, files) as S3 has them; the release's class asks by the first version of the listing."""
        return remote.list_directory(self.connection.meta.client, self.bucket_name, self._prefix(name))


class ResilientS3Storage(BoundedS3Storage):
    """Reads from local copies, then from S3; writes to both, or to a spool while S3 does not take it."""

    budget_seconds = options.DEFAULTS["budget_seconds"]
    breaker_seconds = options.DEFAULTS["breaker_seconds"]
    local_directory = options.DEFAULTS["local_directory"]
    local_max_bytes = options.DEFAULTS["local_max_bytes"]
    spool_max_bytes = options.DEFAULTS["spool_max_bytes"]
    signing = options.DEFAULTS["signing"]

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
            self._drainer.start(draining.AFTER_START_SECONDS)

    def _make(self):
        """Return what all instances with the same settings share in this process."""
        place = "%s %s" % (self.endpoint_url or "", self.bucket_name)
        signed = _signing(self.signing)
        where = folder.Folder(self.local_directory)
        kept = copies.Copies(where, place, int(self.local_max_bytes), signed)
        spool = copies.Spool(where, place, int(self.spool_max_bytes), signed, kept)
        asked = remote.Remote(lambda: self.connection.meta.client, self.bucket_name, float(self.budget_seconds), signed)
        broken = breaker.Breaker(where, float(self.breaker_seconds))
        counted = counters.Counters(where)
        atexit.register(counted.write)
        reporter = reporting.Reporter(counted, broken)
        return {
            "_signing": signed,
            "_folder": where,
            "_copies": kept,
            "_spool": spool,
            "_remote": asked,
            "_breaker": broken,
            "_counters": counted,
            "_reporter": reporter,
            "_drainer": draining.Drainer(spool, asked, broken, reporter, self._parameters),
        }

    def __reduce__(self):
        # Sockets and locks stay where they are; a copy elsewhere is made anew.
        return _again, (type(self), self._settings)

    # What the platform calls.

    def _open(self, name, mode="rb"):
        """Return the object as a file in memory. Raises FileNotFoundError for whatever keeps it from being read whole."""
        if "w" in mode:
            return super()._open(name, mode)
        self._drainer.start_now_and_then()
        return ContentFile(self._read(self._key(name)), name=name)

    def _save(self, name, content):
        """Write the object to S3, or to the spool while S3 does not take it, and keep a copy. Raises nothing for either."""
        content.seek(0)
        data = content.read()
        data = data.encode("utf-8") if isinstance(data, str) else data
        key = self._key(name)
        if self._put(key, data):
            self._drainer.start()
        else:
            self._to_spool(key, data)
        self._keep(key, data)
        return clean_name(name)

    def exists(self, name):
        """Say whether S3 has or will have the object; while S3 cannot tell a local copy counts. Raises OSError without one."""
        return self._size_or_none(self._key(name)) is not None

    def size(self, name):
        """Return the object's length in bytes. Raises FileNotFoundError."""
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
            with self._reporter.swallowed("delete", key, "It is left for the next pruning"):
                self._remote.delete(key)
                self._breaker.close()

    def listdir(self, name):
        """Return (directories, files) as S3 has them. Raises OSError when S3 does not list them; pruning then waits."""
        if not self._breaker.allows():
            raise OSError("S3 is left alone after an outage")
        try:
            listed = self._remote.listdir(self._prefix(name))
        except remote.FailureError as failure:
            self._reporter.remote("list", name, failure, "Nothing is pruned now")
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
            data, has_digest, status = self._remote.get(key)
        except remote.FailureError as failure:
            if failure.cause == "missing":
                self._breaker.close()
                self._counters.add("read_missing")
            else:
                self._reporter.remote("read", key, failure, "It counts as not found, so the course is rebuilt")
            raise FileNotFoundError("%s cannot be read: %s" % (key, failure.words)) from failure
        self._breaker.close()
        unsigned = "read_s3_unsigned" if status == signing.UNSIGNED else "read_s3"
        self._counters.add(unsigned if has_digest else "read_s3_without_digest")
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
        """Return the object from one drawer; None if it is not there or must not be used."""
        try:
            return drawer.read(key)
        except (envelope.DamagedError, signing.NotVerifiedError, OSError) as error:
            self._reporter.local(key, error, "S3 is asked")
        return None

    def _keep(self, key, data):
        """Keep a local copy if the disk takes it."""
        try:
            self._copies.write(key, data)
        except OSError as error:
            self._reporter.local(key, error, "No copy is kept")

    def _size_or_none(self, key):
        if self._breaker.allows():
            try:
                size = self._remote.size(key)
            except remote.FailureError as failure:
                if failure.cause == "missing" or failure.cause in remote.DISTRUSTED:
                    self._breaker.close()
                    waiting = self._drawn(self._spool, key)
                    return None if waiting is None else len(waiting)
                self._reporter.remote("look at", key, failure, "What this host has counts")
            else:
                self._breaker.close()
                return size
        local = self._local(key)
        if local is None:
            raise OSError("S3 does not say whether it has %s, and this host has no copy" % key)
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
        with self._reporter.swallowed("write", key, "It waits in the spool of this host"):
            self._remote.put(key, data, self._parameters())
            self._breaker.close()
            self._counters.add("written_s3")
            return True
        return False

    def _to_spool(self, key, data):
        try:
            superseded = self._spool.write(key, data)
        except (copies.FullError, OSError) as error:
            self._counters.add("spool_refused", reporting.failure_of("spool", "refused", str(error)))
            log.error("Block structure storage: %s is stored nowhere and will be rebuilt when it is read: %s.", key, error)
        else:
            self._counters.add("spooled")
            if superseded:
                self._counters.add("superseded", count=superseded)
            # S3 is away, so this is rare, and diagnose asks for it now.
            self._counters.write()

    # For operators, the role and tests.

    def drain(self, wait_seconds=0.0):
        """Upload the spooled objects, see `draining.Drainer.drain`; with a wait, those too that S3 has refused."""
        return self._drainer.drain(wait_seconds)

    def strict(self):
        """Return a storage for the same objects that raises what S3 answers and has no local side, to prove credentials.

        It signs nothing.
        """
        own = set(options.DEFAULTS) - set(options.of(BoundedS3Storage))
        return BoundedS3Storage(**{name: value for name, value in self._settings.items() if name not in own})

    def metadata_for(self, name, data):
        """Return the metadata of an object of this name with these bytes: its digest, and its signature if objects are signed.

        For whoever copies an object to another name by other means than `save`: the old signature does not verify there. Check
        the object at its old name first (`fetch`), so that nothing is signed that this site did not write.
        """
        return self._remote.metadata(self._key(name), data)

    def fetch(self, name):
        """Return an object's bytes from S3 itself, verified as a read of the platform is, whatever this host has.

        Raises remote.FailureError, whose `cause` is "missing", one of remote.DISTRUSTED, or what S3 suffers from.
        """
        return self._remote.get(self._key(name))[0]

    def checked(self, name, answer, data):
        """Return the status of an object that was read by other means: `answer` is GetObject's, and its body was `data`.

        For whoever reads many objects, and longer than a learner may wait. Raises remote.FailureError as `fetch` does for one
        that must not be used.
        """
        return self._remote.checked(self._key(name), answer, data)[1]

    def store(self, name, data):
        """Write an object, signed, to S3 itself, without spool and copy. Raises remote.FailureError."""
        self._remote.put(self._key(name), data, self._parameters(), draining.BUDGET_SECONDS)

    def signature_of(self, name):
        """Return {"status", "key_id", "bytes"} of an object in S3 by one request that does not read it.

        status: one of signing.VALID, UNSIGNED, OTHER_KEY, TAMPERED, and UNCHECKED where signing is off. It tells what the
        metadata says; whether the bytes match their digest is known once they are read. key_id: of the key that signed it; one
        signed with a fallback is not read any more when the fallback goes. Raises remote.FailureError.
        """
        key = self._key(name)
        size, metadata = self._remote.head(key)
        signature = metadata.get(remote.SIGNATURE)
        status = self._signing.status(key, metadata.get(remote.DIGEST), signature)
        return {"status": status, "key_id": signing.key_id(signature), "bytes": size}

    def signatures(self, names):
        """Return {status: [names]} of many objects, several asked for at once; see `signature_of`.

        An object whose status S3 did not tell is under the cause of the failure, such as "missing" or "denied".
        """
        found = {}
        with ThreadPoolExecutor(SIGNATURE_THREADS) as pool:
            for name, status in zip(names, pool.map(self._status_of, names)):
                found.setdefault(status, []).append(name)
        return found

    def _status_of(self, name):
        try:
            return self.signature_of(name)["status"]
        except remote.FailureError as failure:
            return failure.cause

    def waiting(self):
        """Return {"name", "bytes", "since", "problem", "signature"} of each object that waits for S3, oldest first.

        name: None for a damaged file. problem: why it did not go out when this process last tried; None if it was not refused.
        signature: its status, see `signature_of`; None for a damaged file.
        """
        found = []
        for entry in self._spool.waiting():
            stored = self._spool.look(entry.file)
            report = {"bytes": entry.bytes, "since": entry.since, "problem": self._drainer.refused(entry.file)}
            report["name"] = stored and stored.name
            report["signature"] = stored and self._signing.status(stored.name, stored.digest, stored.signature)
            found.append(report)
        return found

    def state(self):
        """Return what an inspection of this host shows.

        version; local_directory; problem, why it is not used, or None; foreign, a sentence for each entry in it that is not its
        owner's; copies and spool, their files and bytes; breaker; counters; signing, see `signing.Signing.state`.
        """
        spooled = self._spool.waiting()
        return {
            "version": __version__,
            "local_directory": self.local_directory,
            "problem": self._folder.problem,
            "foreign": self._foreign(),
            "copies": self._copies.summary(),
            "spool": dict(self._spool.summary(), waiting=len(spooled), oldest=spooled[0].since if spooled else None),
            "breaker": self._breaker.state(),
            "counters": self._counters.state(),
            "signing": self._signing.state(),
        }

    def _foreign(self):
        found = []
        for name in (None, *folder.DIRECTORIES):
            with contextlib.suppress(OSError), self._folder.opened(name) as directory:
                found.extend(directory.foreign())
        return found


def _signing(mode):
    """Return the signing of this process. Raises ImproperlyConfigured where it cannot sign."""
    try:
        return signing.Signing(mode, () if mode == signing.OFF else signing.secrets_of(django.conf.settings))
    except (ValueError, ImproperlyConfigured) as error:
        words = "STORAGE_KWARGS['signing'] is %r, and %s. Remedy: set SECRET_KEY, or signing to 'off'."
        raise ImproperlyConfigured(words % (mode, str(error).rstrip("."))) from error

"""Only one run per site at a time: an advisory lock in the site's database, held by a separate process.

On MySQL and MariaDB, the databases of Open edX. With SQLite, a file on one machine (the miniature edxapp of the contract
tests), it is a file lock. On any other database a run is refused.

GET_LOCK belongs to one connection (MariaDB and MySQL manuals, "Locking Functions"). A run closes its connections before each
fork, so a child process holds the lock and does nothing else. The child always executes a statement whose comment names the
run: a second run finds it in the process list, on any host, without a table of ours. The child ends with the last process that
holds the other end of its pipe: the run and each of its workers, however they end.
"""

from __future__ import absolute_import

import errno
import fcntl
import getpass
import json
import os
import re
import select
import signal
import socket
import time

from ..protocol import describe
from . import edxapp

NAME_LIMIT = 64  # of a lock's name, MySQL 5.7 and newer
WAIT_SECONDS = 5
STATEMENT_SECONDS = 0.5
_HOLDER = re.compile(r"/\* block-structure-run (\{.*?\}) \*/")


class HeldError(Exception):
    """Another run works on this site; `holder` describes it, None when the process list does not show it."""

    def __init__(self, holder):
        self.holder = holder
        message = "Another run is working on this site"
        if holder:
            message = (
                "A run on %(host)s (process %(pid)s, user %(user)s, run %(run)s) has been working on this site since %(since)s"
                % holder
            )
        Exception.__init__(self, message + ".")


class UnsupportedError(Exception):
    """The site's database has no lock to prevent a second run; `identifier` and `remedy` as in selection."""

    identifier = "lock-unsupported"
    remedy = "Open edX runs on MySQL and MariaDB; on another database use the platform's own generate_course_blocks."

    def __init__(self, vendor):
        Exception.__init__(self, "The site's database is %s, which has no lock to prevent a second run." % vendor)


def _name(connection):
    name = "block_structure.%s" % connection.settings_dict["NAME"]
    return name[-NAME_LIMIT:]


def _holder(run, pid):
    """Return the description of a run for the one that is refused."""
    return {
        "run": run or "-",
        "host": socket.gethostname(),
        "pid": pid,
        "user": getpass.getuser(),
        "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _statement(run):
    holder = _holder(run, os.getppid())
    # A percent sign would be taken for a parameter by the drivers.
    text = json.dumps(holder, sort_keys=True).replace("%", "")
    return "SELECT /* block-structure-run %s */ SLEEP(%s)" % (text, STATEMENT_SECONDS)


def _holder_of(cursor, name):
    """Return the holder's description from the process list, where a user sees all of its own threads."""
    cursor.execute("SELECT IS_USED_LOCK(%s)", [name])
    thread = cursor.fetchone()[0]
    for _attempt in range(5):  # between two statements there is no comment
        cursor.execute("SELECT INFO FROM information_schema.PROCESSLIST WHERE ID = %s", [thread])
        row = cursor.fetchone()
        found = row and row[0] and _HOLDER.search(str(row[0]))
        if found:
            return json.loads(found.group(1))
        time.sleep(0.2)
    return None


def _keep(run, report, alive):
    """Run the child: take the lock, report, and hold it until the other end of `alive` is closed."""
    from django.db import connection

    name, statement = _name(connection), _statement(run)
    with connection.cursor() as cursor:
        if not _take(cursor, name, WAIT_SECONDS):
            os.write(report, json.dumps({"held": True, "holder": _holder_of(cursor, name)}).encode("ascii"))
            return
    os.write(report, b'{"held": false}')
    os.close(report)
    held = True
    while not select.select([alive], [], [], 0)[0]:
        try:
            with connection.cursor() as cursor:
                if not held and not _take(cursor, name, 0):
                    os.kill(os.getppid(), signal.SIGTERM)  # another run was faster: stop ours, which can be resumed
                    return
                held = True
                cursor.execute(statement)
        except Exception:  # the connection is lost and the lock with it: take it again as soon as the database is back
            held = False
            connection.close()
            time.sleep(1)


def _take(cursor, name, seconds):
    cursor.execute("SELECT GET_LOCK(%s, %s)", [name, seconds])
    return cursor.fetchone()[0] == 1


class _FileLock(object):
    """A lock on a file next to SQLite's. Forked workers inherit it; it is released with the last of them, however they end."""

    def __init__(self, run):
        self.run = run
        self.descriptor = None

    def __enter__(self):
        from django.db import connection

        if connection.is_in_memory_db():  # no other process can open it
            return self
        path = "%s.block-structure-run" % connection.settings_dict["NAME"]
        descriptor = self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.time() + WAIT_SECONDS
        while not self._take(descriptor):
            if time.time() > deadline:
                report = os.read(descriptor, 4096).decode("ascii")
                self.__exit__()
                raise HeldError(json.loads(report) if report else None)
            time.sleep(0.2)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_holder(self.run, os.getpid())).encode("ascii"))
        return self

    def _take(self, descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (IOError, OSError) as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            return False
        return True

    def __exit__(self, *_details):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


class _DatabaseLock(object):
    """The lock of MySQL and MariaDB, held by a child as long as the run lasts."""

    def __init__(self, run):
        self.run = run
        self.keeper = None
        self.alive = None

    def __enter__(self):
        edxapp.close_connections()
        told_read, told_write = os.pipe()
        alive_read, self.alive = os.pipe()
        self.keeper = os.fork()
        if self.keeper == 0:
            status = 1
            try:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                os.close(told_read)
                os.close(self.alive)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                _keep(self.run, told_write, alive_read)
                status = 0
            except Exception as error:
                os.write(told_write, json.dumps({"problem": describe(error)}).encode("ascii"))
            finally:
                os._exit(status)
        os.close(told_write)
        os.close(alive_read)
        answer = b""
        while True:
            data = os.read(told_read, 4096)
            answer += data
            if not data:
                break
        os.close(told_read)
        report = json.loads(answer.decode("ascii") or "{}")
        if report.get("held") is not False:
            self.__exit__()
        if report.get("held"):
            raise HeldError(report["holder"])
        if "held" not in report:
            problem = report.get("problem") or {"type": "NoAnswer", "message": "the process that holds the lock died"}
            raise RuntimeError("the site's lock cannot be taken: %(type)s: %(message)s" % problem)
        return self

    def __exit__(self, *_details):
        if self.keeper is None or self.alive is None:
            return
        os.close(self.alive)
        # It may be inside a statement; closing its connection releases the lock.
        os.kill(self.keeper, signal.SIGKILL)
        os.waitpid(self.keeper, 0)
        self.keeper = None


_LOCKS = {"mysql": _DatabaseLock, "sqlite": _FileLock}


def site_lock(run):
    """Return a context manager that holds the site's lock. Raises HeldError when another run has it, UnsupportedError."""
    from django.db import connection

    if connection.vendor not in _LOCKS:
        raise UnsupportedError(connection.vendor)
    return _LOCKS[connection.vendor](run)

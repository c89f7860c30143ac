"""Generate course after course with the platform's own code, in forked workers, and check the truth of each afterwards."""

from __future__ import absolute_import

import collections
import json
import multiprocessing
import os
import select
import signal
import time

from . import edxapp, survey
from .events import describe, emit

COURSES_PER_WORKER = 25  # then a fresh worker: memory stays flat in the number of courses
ATTEMPTS = 2
DEFAULT_TIMEOUT_SECONDS = 1800


def generate_course(key_text, release, reader):
    """Generate one course as `generate_course_blocks --force_update --with_storage` does, and say what came of it."""
    edxapp.forget_request()
    edxapp.assume_storage(release)
    start = time.time()
    report = {"key": key_text, "status": "failed", "type": None, "message": None, "code": None}
    try:
        edxapp.api().update_course_in_cache(edxapp.course_key(key_text))
        entry = reader.course(key_text, assume_storage=True)
        report.update((name, entry[name]) for name in ("blocks", "bytes", "tier", "fresh"))
        problem = entry["object_error"] or entry["error"]
        if problem:
            report.update(problem)
        elif not entry["row"]:
            report.update(type="NoRow", message="the platform reported success and wrote no row")
        else:
            report["status"] = "ok"
    except Exception as error:
        report.update(describe(error))
    report["seconds"] = round(time.time() - start, 3)
    return report


def _serve(release, orders, answers):
    """Life of a worker: a course key per line in, a report per line out, until the pipe closes."""
    reader = survey.Reader(release, True)
    for line in orders:
        report = generate_course(line.strip(), release, reader)
        report["worker"] = os.getpid()
        answers.write(json.dumps(report, default=str) + "\n")
        answers.flush()


class Worker(object):
    """A forked process and the course that it works on."""

    def __init__(self, release, others):
        edxapp.let_go()
        order_read, order_write = os.pipe()
        answer_read, answer_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                for descriptor in [order_write, answer_read] + [end for other in others for end in other.ends()]:
                    os.close(descriptor)
                # The platform may print; standard output belongs to the parent's events.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                _serve(release, os.fdopen(order_read), os.fdopen(answer_write, "w"))
                status = 0
            finally:
                os._exit(status)
        os.close(order_read)
        os.close(answer_write)
        self.orders, self.answers = order_write, answer_read
        self.course, self.attempt, self.since, self.done, self.pending = None, 0, 0.0, 0, b""

    def ends(self):
        """Return the descriptors that a sibling must not inherit."""
        return [self.orders, self.answers]

    def give(self, course, attempt):
        """Send one course to work on."""
        self.course, self.attempt, self.since = course, attempt, time.time()
        os.write(self.orders, (course + "\n").encode("utf-8"))

    def take(self):
        """Return the report that has arrived, None when it is not whole yet; raises EOFError when the worker is gone."""
        data = os.read(self.answers, 65536)
        if not data:
            raise EOFError
        self.pending += data
        if b"\n" not in self.pending:
            return None
        line, self.pending = self.pending.split(b"\n", 1)
        report = json.loads(line.decode("utf-8"))
        report["attempt"] = self.attempt
        self.course = None
        self.done += 1
        return report

    def end(self, kill=False):
        """Close the pipes and reap; a worker that hangs is killed. Returns how it died, in words."""
        for descriptor in self.ends():
            os.close(descriptor)
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return "killed by signal %d" % os.WTERMSIG(status)
        return "ended with status %d" % os.WEXITSTATUS(status)


class StoppedError(Exception):
    """The operator or the system asked the run to stop."""


class Run(object):
    """One generation run: the queue of courses, the workers, the reports."""

    def __init__(self, courses, release, workers, timeout):
        self.queue = collections.deque((course, 1) for course in courses)
        self.total = len(courses)
        self.release = release
        self.size = max(1, min(workers, self.total))
        self.timeout = timeout
        self.workers = []
        self.reports = []
        self.told = 0.0

    def work(self):
        """Run to the end and return one report per course."""
        former = [(number, signal.signal(number, self._stop)) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            while self.queue or self.workers:
                self._hire()
                self._listen()
        finally:
            for worker in self.workers:
                worker.end(kill=True)
            for number, handler in former:
                signal.signal(number, handler)
        return self.reports

    def _stop(self, number, _frame):
        raise StoppedError("stopped by signal %d" % number)

    def _hire(self):
        while self.queue and len(self.workers) < self.size:
            self.workers.append(Worker(self.release, self.workers))
        for worker in list(self.workers):
            if worker.course is not None:
                continue
            if self.queue and worker.done < COURSES_PER_WORKER:
                worker.give(*self.queue.popleft())
            else:
                self.workers.remove(worker)
                worker.end()

    def _listen(self):
        busy = dict((worker.answers, worker) for worker in self.workers)
        if not busy:
            return
        for descriptor in select.select(list(busy), [], [], 1.0)[0]:
            worker = busy[descriptor]
            try:
                report = worker.take()
            except EOFError:
                self._lost(worker, "WorkerDied", "the worker " + worker.end())
            else:
                if report:
                    self._record(report)
        for worker in list(self.workers):
            if worker.course is not None and time.time() - worker.since > self.timeout:
                worker.end(kill=True)
                self._lost(worker, "Timeout", "not finished within %d seconds" % self.timeout)
        self._tell()

    def _lost(self, worker, kind, words):
        """A worker is gone: its course gets one more attempt, then counts as failed."""
        self.workers.remove(worker)
        if worker.course is None:
            return
        if worker.attempt < ATTEMPTS:
            self.queue.append((worker.course, worker.attempt + 1))
            return
        self._record({"key": worker.course, "status": "failed", "type": kind, "message": words, "code": None}, worker.attempt)

    def _record(self, report, attempt=None):
        if attempt is not None:
            report["attempt"] = attempt
        self.reports.append(report)
        emit("course", **report)

    def _tell(self):
        if time.time() - self.told >= 1:
            self.told = time.time()
            failed = sum(1 for report in self.reports if report["status"] == "failed")
            emit("progress", operation="generate", done=len(self.reports), total=self.total, failed=failed)


def stale_courses(release):
    """Return the courses whose row is missing or does not describe what is published; no object is read."""
    index, schema = edxapp.course_index(), edxapp.schema_versions()
    rows = dict((str(row.data_usage_key), row) for row in edxapp.models().BlockStructureModel.objects.all())
    stale = []
    for key_text in edxapp.course_keys():
        row = rows.get(str(edxapp.root_usage_key(edxapp.course_key(key_text))))
        if row is None or survey.is_fresh(row, key_text, index, schema) is False:
            stale.append(key_text)
    return stale


def run(operation, release):
    """Generate the named courses, all (`courses` null), or those found stale now (`stale` true, less `except`).

    workers: processes, default one per core less one. course_timeout_seconds: per course and attempt.
    Returns {"courses": [report], "failures": [report]}.
    """
    edxapp.forget_request()
    if operation.get("stale"):
        courses = [key for key in stale_courses(release) if key not in set(operation.get("except") or [])]
    elif operation.get("courses") is None:
        courses = edxapp.course_keys()
    else:
        courses = list(operation["courses"])
    if not courses:
        return {"courses": [], "failures": []}
    workers = operation.get("workers") or max(1, multiprocessing.cpu_count() - 1)
    timeout = operation.get("course_timeout_seconds") or DEFAULT_TIMEOUT_SECONDS
    reports = Run(courses, release, workers, timeout).work()
    return {"courses": reports, "failures": [report for report in reports if report["status"] == "failed"]}

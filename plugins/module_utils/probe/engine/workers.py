"""A pool of forked workers with a queue: one retry after a worker that dies or hangs, and waiting during an outage.

The parent boots the platform once; workers share its memory. A worker is replaced after a number of courses, so memory does
not grow with the number of courses. The job itself is a parameter.
"""

from __future__ import absolute_import

import collections
import errno
import gc
import json
import os
import resource
import select
import signal
import time

from ..block_structure_runtime import collector, keys
from ..protocol import describe, emit
from . import edxapp, memory

COURSES_PER_WORKER = 25
ATTEMPTS = 2
# During an outage the queue waits, then retries one course; the waits grow to the last one.
OUTAGE_WAITS_SECONDS = (1, 2, 5, 10, 15)
OUTAGES_PER_COURSE = 3
# Time after a signal to finish the courses in hand.
GRACE_SECONDS = 20


def _prepared():
    """Collect between courses instead of during one, and compute the hash of a key once; return the collector.

    Always, because no learner waits here. Structures are trees of many small objects and look-ups by key, so both take much
    of a rebuild. Keys stay as they are where the installed edx-opaque-keys is not as expected.
    """
    keys.hash_once()
    ours = collector.OutOfBand(collector.Watch())
    ours.begin(shared_heap=True)
    return ours


def _processor_seconds():
    """Return the seconds that processors have worked for this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _serve(job, orders, answers, timeout):
    """Run a worker: a course key per line in, a report per line out, until the pipe closes."""
    ours = _prepared()
    job.prepare()
    for line in iter(orders.readline, ""):  # iterating a pipe reads ahead in Python 2
        # A backstop: a worker whose parent was killed must not hang forever.
        signal.alarm(int(timeout) + 60)
        start, busy = time.time(), _processor_seconds()
        try:
            report = job(line.strip())
        except Exception as error:
            report = dict(describe(error), status="failed")
        report.update(seconds=round(time.time() - start, 3), cpu_seconds=round(_processor_seconds() - busy, 3))
        ours.ended()
        report.update(
            key=line.strip(),
            worker=os.getpid(),
            memory_mb=memory.own_mb(),
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )
        signal.alarm(0)
        answers.write(json.dumps(report, default=str) + "\n")
        answers.flush()


class Job(object):
    """What a worker does with each course: `prepare()` once where it starts, then a call with each key returns a report."""

    def prepare(self):
        """Do what is needed once."""

    def __call__(self, key_text):
        raise NotImplementedError


class Worker(object):
    """A forked process and the course that it works on."""

    def __init__(self, job, timeout, others):
        edxapp.close_connections()
        order_read, order_write = os.pipe()
        answer_read, answer_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                # The parent handles signals to the group: it lets the worker finish its course.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                for descriptor in [order_write, answer_read] + [end for other in others for end in other.ends()]:
                    os.close(descriptor)
                # The platform may print; standard output is reserved for the parent's events.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                _serve(job, os.fdopen(order_read), os.fdopen(answer_write, "w"), timeout)
                status = 0
            finally:
                os._exit(status)
        os.close(order_read)
        os.close(answer_write)
        self.orders, self.answers = order_write, answer_read
        self.course, self.since, self.done, self.memory_mb, self.pending = None, 0.0, 0, 0, b""

    def ends(self):
        """Return the descriptors that a sibling must not inherit."""
        return [self.orders, self.answers]

    def give(self, course):
        """Send one course; a dead worker is detected in take()."""
        self.course, self.since = course, time.time()
        try:
            os.write(self.orders, (course.key + "\n").encode("utf-8"))
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise

    def take(self):
        """Return the report, None while it is incomplete; raises EOFError when the worker died."""
        data = os.read(self.answers, 65536)
        if not data:
            raise EOFError
        self.pending += data
        if b"\n" not in self.pending:
            return None
        line, self.pending = self.pending.split(b"\n", 1)
        self.course = None
        self.done += 1
        report = json.loads(line.decode("utf-8"))
        self.memory_mb = report["memory_mb"] or 0
        return report

    def end(self, kill=False):
        """Close the pipes and reap the process, after killing it if asked. Returns how it ended, as text."""
        for descriptor in self.ends():
            os.close(descriptor)
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        if os.WIFSIGNALED(status):
            return "killed by signal %d" % os.WTERMSIG(status)
        return "exited with %d" % os.WEXITSTATUS(status)


class Course(object):
    """A course in the queue, with its attempts and the outages that it ran into."""

    def __init__(self, key):
        self.key, self.attempt, self.outages = key, 1, 0


class WorkerPool(object):
    """Runs a job for each course of a list.

    job: function of a course key that returns a report with at least `status`; `outage` names a service that is down.
    counts: tally.Tally for the final reports. size: wanted workers. budget_mb: memory limit of all workers together.
    patience: longest outage in seconds before the run leaves out the remaining courses.
    """

    def __init__(self, job, keys, counts, size, timeout, budget_mb, patience):
        self.job, self.counts = job, counts
        self.queue = collections.deque(Course(key) for key in keys)
        self.wanted = max(1, min(size, len(self.queue)))
        self.timeout, self.patience = timeout, patience
        self.memory = memory.Budget(budget_mb)
        self.workers = []
        self.left = []
        self.signals = 0
        self.stop_at = None
        self.outage = None
        self.outage_since = self.hold_until = 0.0
        self.waits = 0
        self.size_reported = self.wanted

    def work(self):
        """Run until done, or until a signal or an outage stops it; `left` then has the keys that were not done."""
        previous = [(number, signal.signal(number, self._on_signal)) for number in (signal.SIGTERM, signal.SIGINT)]
        gc.collect()
        # Python 3.7 and newer: exclude objects of the boot from garbage collection, which would unshare their pages in workers.
        getattr(gc, "freeze", int)()
        try:
            while self.queue or self._busy():
                self._spawn()
                self._listen()
            self.left.extend(course.key for course in self.queue)
        finally:
            for worker in self.workers:
                worker.end(kill=True)
            self.workers = []
            for number, handler in previous:
                signal.signal(number, handler)

    def _busy(self):
        return [worker for worker in self.workers if worker.course is not None]

    def _on_signal(self, _number, _frame):
        self.signals += 1

    @property
    def stopped(self):
        """Whether a signal stopped the run."""
        return self.signals > 0

    def figures(self):
        """Return the number of workers, the most private MiB of one, and the peak MiB with shared pages."""
        return {"workers": self.size_reported, "worker_mb": self.memory.worker_mb, "worker_peak_mb": self.memory.peak_mb}

    def _check_stop(self):
        """After a signal start nothing new, and give courses in hand a grace period; a second signal ends it."""
        if not self.signals:
            return
        if self.stop_at is None:
            self.stop_at = time.time() + GRACE_SECONDS
            self._abandon_queue()
            emit("stopping", running=[worker.course.key for worker in self._busy()])
        if self.signals > 1 or time.time() > self.stop_at:
            for worker in self._busy():
                self.left.append(worker.course.key)
                self._stop(worker, kill=True)

    def _abandon_queue(self):
        self.left.extend(course.key for course in self.queue)
        self.queue.clear()

    def _stop(self, worker, kill=False):
        self.workers.remove(worker)
        return worker.end(kill)

    def _size(self):
        """Return the number of workers allowed now: fewer for lack of memory, one during an outage."""
        if self.outage:
            return 1
        size = self.memory.allowed(self.wanted)
        if size != self.size_reported:
            self.size_reported = size
            emit("workers", workers=size, wanted=self.wanted, worker_mb=self.memory.worker_mb, budget_mb=self.memory.budget_mb)
        return size

    def _spawn(self):
        size = self._size()
        held = time.time() < self.hold_until
        for worker in list(self.workers):
            if worker.course is not None:
                continue
            spent = worker.done >= COURSES_PER_WORKER or worker.memory_mb > self.memory.share(size)
            if spent or not self.queue or len(self.workers) > size:
                self._stop(worker)
        while self.queue and not held and len(self._busy()) < size:
            idle = [worker for worker in self.workers if worker.course is None]
            if not idle:
                idle = [Worker(self.job, self.timeout, self.workers)]
                self.workers += idle
            idle[0].give(self.queue.popleft())

    def _listen(self):
        busy = dict((worker.answers, worker) for worker in self._busy())
        try:
            ready = select.select(list(busy), [], [], 0.5)[0]
        except select.error as error:  # how Python 2 reports a signal
            if error.args[0] != errno.EINTR:
                raise
            ready = []
        for descriptor in ready:
            worker = busy[descriptor]
            course = worker.course
            try:
                report = worker.take()
            except EOFError:
                self._lost(course, "WorkerDied", "the worker died: %s" % self._stop(worker))
            else:
                if report:
                    self._take(course, report)
        for worker in self._busy():
            if time.time() - worker.since > self.timeout:
                course = worker.course
                self._stop(worker, kill=True)
                self._lost(course, "Timeout", "not finished within %d seconds" % self.timeout)
        self._check_stop()
        self._report_progress()

    def _take(self, course, report):
        self.memory.measured(report["memory_mb"], report["peak_mb"])
        if report.get("outage"):
            self._handle_outage(course, report)
            return
        if self.outage:
            emit("outage", service=self.outage, over=True, seconds=round(time.time() - self.outage_since, 1))
            self.outage, self.waits = None, 0
        self._final(course, report)

    def _handle_outage(self, course, report):
        """Requeue the course without counting an attempt, and pause the queue."""
        course.outages += 1
        now = time.time()
        if not self.outage:
            self.outage, self.outage_since = report["outage"], now
            emit("outage", service=self.outage, over=False, type=report["type"], message=report["message"])
        self.hold_until = now + OUTAGE_WAITS_SECONDS[min(self.waits, len(OUTAGE_WAITS_SECONDS) - 1)]
        self.waits += 1
        alone = course.outages > OUTAGES_PER_COURSE and now - self.outage_since < 1
        if alone:  # other courses succeed in between, so the problem is this course
            self.outage, self.waits, self.hold_until = None, 0, 0.0
            self._final(course, report)
        elif now - self.outage_since > self.patience:
            self.left.append(course.key)
            self._abandon_queue()
        elif self.signals:
            self.left.append(course.key)
        else:
            self.queue.append(course)

    def _lost(self, course, kind, text):
        """Retry the course of a dead worker once, then count it as failed."""
        if course.attempt < ATTEMPTS and not self.signals:
            emit("retry", key=course.key, attempt=course.attempt, type=kind, message=text)
            course.attempt += 1
            self.queue.append(course)
        else:
            self._final(course, {"key": course.key, "status": "failed", "type": kind, "message": text, "code": None})

    def _final(self, course, report):
        report["attempt"] = course.attempt
        self.counts.final(report, report.get("seconds"))

    def _report_progress(self):
        busy = sorted(self._busy(), key=lambda worker: worker.since)
        in_hand = [(worker.course.key, time.time() - worker.since) for worker in busy]
        self.counts.report_progress(
            dict(in_hand),
            self.size_reported,
            workers=dict((str(worker.pid), worker.course.key) for worker in busy),
            longest={"key": in_hand[0][0], "seconds": round(in_hand[0][1], 1)} if in_hand else None,
            waiting_for=self.outage,
        )

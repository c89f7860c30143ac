"""Generate on the platform's Celery workers: the platform's own command enqueues tasks, and rows show the results.

The platform ignores task results, so a task is complete when the course's row names a new object. A task that no worker and no
queue holds, without a new object, was lost or failed: it is sent once more, then reported.
Sources: generate_course_blocks.py (`--enqueue_task`, the ENQUEUED message); Celery's manual, "Workers: inspecting"; kombu's
Channel.queue_declare(passive) for the number of waiting messages.
"""

from __future__ import absolute_import

import logging
import signal
import time

from ..protocol import describe, emit
from . import edxapp

DEFAULT_BATCH = 20  # tasks enqueued at a time: authors' publishes must not wait behind a whole site
ATTEMPTS = 2
POLL_SECONDS = 1.0
INSPECT_SECONDS = 5.0
ANSWER_SECONDS = 2.0
# A task on its way from a queue to a worker is visible in neither: it is lost after this number of consecutive misses.
MISSES_BEFORE_LOST = 3
COMMAND = "openedx.core.djangoapps.content.block_structure.management.commands.generate_course_blocks"


class _Enqueued(logging.Handler):
    """Reads task ids and errors from the command's log, the only place that has them."""

    def __init__(self):
        logging.Handler.__init__(self, logging.INFO)
        self.tasks, self.errors = {}, {}

    def emit(self, record):
        """Handle one log record."""
        if "ENQUEUED" in str(record.msg) and len(record.args) == 2:
            self.tasks[str(record.args[0])] = str(record.args[1])
        elif record.levelno >= logging.ERROR and len(record.args) == 2:
            error = record.exc_info[1] if record.exc_info else Exception(record.args[1])
            self.errors[str(record.args[0])] = describe(error)


def send(keys, update, release, routing_key):
    """Enqueue courses; returns ({key: task id}, {key: why it could not be enqueued}).

    update: rebuild them (`--force_update`); otherwise only fill cache and storage.
    """
    from django.core.management import call_command

    options = {"courses": list(keys), "enqueue_task": True, "force_update": update, "verbosity": 2}
    if routing_key:
        options["routing_key"] = routing_key
    if release["with_storage_option"]:
        options["with_storage"] = True
    handler = _Enqueued()
    logger = logging.getLogger(COMMAND)
    logger.addHandler(handler)
    try:
        call_command("generate_course_blocks", **options)
    finally:
        logger.removeHandler(handler)
    return handler.tasks, handler.errors


class Held(object):
    """Tasks of workers and queues at one moment.

    tasks: the workers' tasks as text, including retries; None when no worker answered.
    waiting: {queue: messages in it}. served: queues that an answering worker reads.
    """

    def __init__(self, tasks, waiting, served):
        self.tasks, self.waiting, self.served = tasks, waiting, served

    @property
    def messages(self):
        """Number of messages in all queues."""
        return sum(self.waiting.values())

    def unserved(self):
        """Return {queue: messages} of queues without a reader. Studio's worker answers, but reads none of the LMS's queues."""
        return dict((name, count) for name, count in self.waiting.items() if count and name not in self.served)

    def has(self, task):
        """Return whether a worker has a task; a retry keeps its id."""
        return any((task.id or task.key) in text for text in self.tasks or ())


class Broker(object):
    """Queries Celery's workers and queues."""

    def __init__(self, routing_key):
        from celery import current_app

        self.app = current_app
        self.queues = sorted(set(self.app.amqp.queues) | set([routing_key] if routing_key else []))

    def inspect_site(self):
        """Return Held. A task that is taken between the queries of workers and queues is missed once, not repeatedly."""
        control = self.app.control
        # A broadcast always waits for the full timeout; so query the workers that answered by name.
        read = control.inspect(timeout=ANSWER_SECONDS).active_queues()
        tasks = None
        if read:
            named = control.inspect(destination=sorted(read), timeout=ANSWER_SECONDS, limit=len(read))
            answers = [named.active(), named.reserved(), named.scheduled()]
            tasks = [str(task) for answer in answers if answer for own in answer.values() for task in own]
        served = {queue["name"] for queues in (read or {}).values() for queue in queues or ()}
        return Held(tasks, self._waiting(), served)

    def _waiting(self):
        waiting = {}
        with self.app.connection_for_read() as connection:
            for name in self.queues:
                try:
                    waiting[name] = connection.channel().queue_declare(queue=name, passive=True).message_count
                except connection.channel_errors + connection.connection_errors:  # a queue that does not exist yet
                    continue
        return waiting


class _Task(object):
    def __init__(self, key):
        self.key, self.attempt, self.id = key, 1, None
        self.before = self.since = None
        self.missed = 0


class Queue(object):
    """Like workers.WorkerPool, with the platform's workers: `work`, then `left`, `stopped` and `outage`."""

    def __init__(self, keys, reasons, release, options, counts, inspect_course):
        self.waiting = [_Task(key) for key in keys]
        self.reasons, self.release, self.options = reasons, release, options
        self.counts, self.inspect_course = counts, inspect_course
        self.out = {}
        self.left = []
        self.outage = None
        self.stopped = False
        self.silent_since = None
        self.inspected = 0.0
        self.finished = time.time()  # when the last course finished
        self.broker = Broker(options.routing_key)

    def work(self):
        """Enqueue in batches until every course has its report, or a signal or silent workers end the run."""
        previous = [(number, signal.signal(number, self._on_signal)) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            while (self.waiting or self.out) and not self.stopped and not self.outage:
                self._enqueue()
                time.sleep(POLL_SECONDS)
                self._collect()
                self._inspect()
                self._report_progress()
        finally:
            for number, handler in previous:
                signal.signal(number, handler)
        # Enqueued tasks stay with the workers; a resumed run finds their results.
        self.left = sorted([task.key for task in self.waiting] + list(self.out))

    def figures(self):
        """Return no figures: those of the platform's workers are unknown."""
        return {}

    def _on_signal(self, _number, _frame):
        self.stopped = True

    def _enqueue(self):
        free = self.options.batch - len(self.out)
        batch, self.waiting = self.waiting[:free], self.waiting[max(0, free) :]
        if not batch:
            return
        names = self._objects([task.key for task in batch])
        for update in (True, False):
            tasks = [task for task in batch if (self.reasons.get(task.key) != "not-cached") == update]
            if not tasks:
                continue
            ids, errors = send([task.key for task in tasks], update, self.release, self.options.routing_key)
            for task in tasks:
                task.id, task.before, task.since, task.missed = ids.get(task.key), names.get(task.key), time.time(), 0
                if task.key in errors:
                    self._final(task, dict(errors[task.key], status="failed"))
                else:
                    self.out[task.key] = task

    def _objects(self, keys):
        """Return {key: name of the object in its row}."""
        usage_keys = [edxapp.root_usage_key(edxapp.course_key(key)) for key in keys]
        rows = edxapp.models().BlockStructureModel.objects.filter(data_usage_key__in=usage_keys)
        return dict((str(row.data_usage_key.course_key), str(row.data.name)) for row in rows)

    def _collect(self):
        """Finish the courses whose row names a new object, or that are now cached if only that was requested."""
        edxapp.forget_request()
        edxapp.assume_storage(self.release)
        if not self.out:
            return
        names = self._objects(list(self.out))
        for key, task in sorted(self.out.items()):
            seen = None
            warming = self.reasons.get(key) == "not-cached"
            if warming or names.get(key) not in (None, task.before):
                seen = self.inspect_course(edxapp.root_usage_key(edxapp.course_key(key)), self.release)
            if seen is None or (warming and seen["tier"] != "cache"):
                continue
            del self.out[key]
            published = edxapp.published_version(key)
            report = dict(seen, status="ok", fresh=not published or seen["version"] == published)
            if seen["unreadable"]:
                report.update(seen["unreadable"], status="failed")
            self._final(task, report)

    def _inspect(self):
        """Query workers and queues for enqueued tasks: detect lost tasks, deleted courses and silent workers."""
        now = time.time()
        if not self.out or now - self.inspected < INSPECT_SECONDS:
            return
        held = self.broker.inspect_site()
        self.inspected = time.time()
        self._note_silence(held, now)
        for key, task in sorted(self.out.items()):
            if edxapp.published_version(key) is None:
                del self.out[key]
                self._final(task, {"status": "gone", "message": "the course was deleted during the run"})
            elif held.has(task):
                task.missed = 0
            elif not held.messages:
                task.missed += 1
            if key in self.out and task.missed >= MISSES_BEFORE_LOST:
                self._lost(task, "TaskLost", self._lost_text(task))
            elif key in self.out and now - task.since > self.options.timeout:
                text = "not finished within %d seconds; %d messages are waiting" % (self.options.timeout, held.messages)
                self._lost(task, "Timeout", text, final=True)

    def _lost_text(self, task):
        return (
            "task %s: no worker and no queue has it, and row and object are unchanged; it failed or was lost, "
            "see the log of the LMS worker" % (task.id or "of unknown id")
        )

    def _note_silence(self, held, now):
        """Detect an outage: no worker answers, or none reads the queue in which the tasks wait."""
        unserved = held.unserved()
        moving = any(held.has(task) for task in self.out.values()) or held.messages > sum(unserved.values())
        if held.tasks is not None and (moving or not unserved):
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = now
            where = ", ".join("%d in %s" % (count, name) for name, count in sorted(unserved.items())) or "0"
            who = "no Celery worker answers" if held.tasks is None else "no Celery worker reads the queue"
            emit("warning", message="%s; waiting messages: %s" % (who, where))
        elif now - self.silent_since > self.options.patience:
            self.outage = "Celery workers"

    def _lost(self, task, kind, text, final=False):
        del self.out[task.key]
        if task.attempt < ATTEMPTS and not final:
            emit("retry", key=task.key, attempt=task.attempt, type=kind, message=text)
            task.attempt += 1
            self.waiting.append(task)
        else:
            self._final(task, {"status": "failed", "type": kind, "message": text, "code": None})

    def _final(self, task, report):
        now = time.time()
        seconds = round(now - (task.since or now), 3)
        report = dict(report, key=task.key, why=self.reasons.get(task.key), attempt=task.attempt, seconds=seconds, task=task.id)
        # The workers' parallelism is unknown: the estimate uses the pace of the whole run.
        self.counts.final(report, now - self.finished)
        self.finished = now

    def _report_progress(self):
        out = sorted(self.out)
        largest = sorted(out, key=lambda key: self.counts.ahead[key])[-1:]
        in_hand = dict((key, time.time() - self.finished) for key in largest)
        self.counts.report_progress(in_hand, 1, workers={}, enqueued=out, waiting_for=None)

"""Have the platform's Celery workers generate: tasks go out by the platform's own command, results are read from rows.

A task reports to nobody (the platform ignores results), so completion is a new object in the course's row. A task that no
worker has and no queue holds, and that left no new object, is lost or has failed: it is sent once more, then told.
Sources: generate_course_blocks.py (`--enqueue_task`, the ENQUEUED message); Celery's manual, "Workers: inspecting"; kombu's
Channel.queue_declare(passive) for the messages that wait.
"""

from __future__ import absolute_import

import logging
import signal
import time

from ..protocol import describe, emit
from . import edxapp

DEFAULT_BATCH = 20  # tasks out at a time: publishes of authors must not wait behind a whole site
ATTEMPTS = 2
POLL_SECONDS = 1.0
LOOK_SECONDS = 5.0
ANSWER_SECONDS = 2.0
# A task between a queue and a worker is seen in neither: it is lost when several looks in a row miss it.
LOOKS_BEFORE_LOST = 3
COMMAND = "openedx.core.djangoapps.content.block_structure.management.commands.generate_course_blocks"


class _Enqueued(logging.Handler):
    """Reads task ids and refusals out of the command's log, the only place where it tells them."""

    def __init__(self):
        logging.Handler.__init__(self, logging.INFO)
        self.tasks, self.errors = {}, {}

    def emit(self, record):
        """Take one record in."""
        if "ENQUEUED" in str(record.msg) and len(record.args) == 2:
            self.tasks[str(record.args[0])] = str(record.args[1])
        elif record.levelno >= logging.ERROR and len(record.args) == 2:
            error = record.exc_info[1] if record.exc_info else Exception(record.args[1])
            self.errors[str(record.args[0])] = describe(error)


def send(keys, update, release, routing_key):
    """Enqueue courses; returns ({key: task id}, {key: why it could not be enqueued}).

    update: rebuild them (`--force_update`); otherwise only have them in cache and storage.
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
    """What workers and queues held at one moment.

    tasks: the words in which workers tell the tasks that they have, retries included; None when no worker answered.
    waiting: {queue: messages in it}. served: queues that an answering worker reads.
    """

    def __init__(self, tasks, waiting, served):
        self.tasks, self.waiting, self.served = tasks, waiting, served

    @property
    def messages(self):
        """Messages in all queues."""
        return sum(self.waiting.values())

    def unserved(self):
        """Return {queue: messages} where nobody reads. Studio's worker answers, and reads none of the LMS's queues."""
        return dict((name, count) for name, count in self.waiting.items() if count and name not in self.served)

    def has(self, task):
        """Return whether a worker has a task; one that tries again keeps its id."""
        return any((task.id or task.key) in text for text in self.tasks or ())


class Broker(object):
    """What Celery's workers and queues hold now."""

    def __init__(self, routing_key):
        from celery import current_app

        self.app = current_app
        self.queues = sorted(set(self.app.amqp.queues) | set([routing_key] if routing_key else []))

    def inspect_site(self):
        """Return Held. Workers first: a task that is taken between the two questions is seen by neither once, not for good."""
        control = self.app.control
        # A broadcast waits for its whole time, since anybody may yet answer; whoever did is then asked by name.
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
    """Like workers.Crew, with the platform's workers: `work`, then `left`, `stopped` and `outage`."""

    def __init__(self, keys, reasons, release, options, counts, look_at):
        self.waiting = [_Task(key) for key in keys]
        self.reasons, self.release, self.options = reasons, release, options
        self.counts, self.look_at = counts, look_at
        self.out = {}
        self.left = []
        self.outage = None
        self.stopped = False
        self.silent_since = None
        self.looked = 0.0
        self.finished = time.time()  # when the last course was
        self.broker = Broker(options.routing_key)

    def work(self):
        """Enqueue in batches and follow until every course has its report, or a signal or silent workers end it."""
        previous = [(number, signal.signal(number, self._on_signal)) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            while (self.waiting or self.out) and not self.stopped and not self.outage:
                self._enqueue()
                time.sleep(POLL_SECONDS)
                self._collect()
                self._look()
                self._tell()
        finally:
            for number, handler in previous:
                signal.signal(number, handler)
        # What is out stays with the workers; a resumed run finds what they made of it.
        self.left = sorted([task.key for task in self.waiting] + list(self.out))

    def figures(self):
        """Return what workers.Crew tells of its workers; of the platform's nothing is known."""
        return {}

    def _on_signal(self, _number, _frame):
        self.stopped = True

    def _enqueue(self):
        room = self.options.batch - len(self.out)
        batch, self.waiting = self.waiting[:room], self.waiting[max(0, room) :]
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
        """Take the courses whose row names another object than before, or that are in the cache where that was asked for."""
        edxapp.forget_request()
        edxapp.assume_storage(self.release)
        if not self.out:
            return
        names = self._objects(list(self.out))
        for key, task in sorted(self.out.items()):
            seen = None
            warming = self.reasons.get(key) == "not-cached"
            if warming or names.get(key) not in (None, task.before):
                seen = self.look_at(edxapp.root_usage_key(edxapp.course_key(key)), self.release)
            if seen is None or (warming and seen["tier"] != "cache"):
                continue
            del self.out[key]
            published = edxapp.published_version(key)
            report = dict(seen, status="ok", fresh=not published or seen["version"] == published)
            if seen["unreadable"]:
                report.update(seen["unreadable"], status="failed")
            self._final(task, report)

    def _look(self):
        """Ask workers and queues after what is out: lost tasks, courses that are gone, workers that do not answer."""
        now = time.time()
        if not self.out or now - self.looked < LOOK_SECONDS:
            return
        held = self.broker.inspect_site()
        self.looked = time.time()
        self._note_silence(held, now)
        for key, task in sorted(self.out.items()):
            if edxapp.published_version(key) is None:
                del self.out[key]
                self._final(task, {"status": "gone", "message": "the course was deleted during the run"})
            elif held.has(task):
                task.missed = 0
            elif not held.messages:
                task.missed += 1
            if key in self.out and task.missed >= LOOKS_BEFORE_LOST:
                self._lost(task, "TaskLost", self._lost_words(task))
            elif key in self.out and now - task.since > self.options.timeout:
                text = "not finished within %d seconds; %d messages wait" % (self.options.timeout, held.messages)
                self._lost(task, "Timeout", text, final=True)

    def _lost_words(self, task):
        return (
            "task %s: no worker has it, no queue holds it, and row and object are as before; it failed or was lost, "
            "and the log of the LMS worker tells why" % (task.id or "of unknown id")
        )

    def _note_silence(self, held, now):
        """Tasks that nobody will take are an outage: every worker is silent, or none reads the queue in which they wait."""
        unserved = held.unserved()
        moving = any(held.has(task) for task in self.out.values()) or held.messages > sum(unserved.values())
        if held.tasks is not None and (moving or not unserved):
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = now
            where = ", ".join("%d in %s" % (count, name) for name, count in sorted(unserved.items())) or "none"
            who = "no Celery worker answers" if held.tasks is None else "no Celery worker reads the queue"
            emit("warning", message="%s; messages that wait: %s" % (who, where))
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
        # How many are done at a time is the workers' affair: the pace is that of the run as a whole.
        self.counts.final(report, now - self.finished)
        self.finished = now

    def _tell(self):
        out = sorted(self.out)
        largest = sorted(out, key=lambda key: self.counts.ahead[key])[-1:]
        in_hand = dict((key, time.time() - self.finished) for key in largest)
        self.counts.report_progress(in_hand, 1, workers={}, enqueued=out, waiting_for=None)

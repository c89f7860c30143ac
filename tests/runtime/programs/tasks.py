"""Celery tasks that leave garbage in cycles, over a broker and results in folders. As a program: runs calls and prints results.

`python tasks.py '[["garbage", [20000]], ["state", []]]'` sends each call when the one before has ended; an error is its class.
"""

from __future__ import absolute_import

import gc
import json
import os
import sys
import time

import celery

from pages import Node, leave, watch

FOLDER = os.environ["CELERY_FOLDER"]
queue = FOLDER + "/queue"
app = celery.Celery("tasks", broker="filesystem://", backend="file://" + FOLDER + "/results")
app.conf.update(
    broker_transport_options={
        "data_folder_in": queue,
        "data_folder_out": queue,
        "control_folder": FOLDER + "/control",
    },
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
)


def seen(**more):
    return dict(
        more,
        pid=os.getpid(),
        alive=Node.alive,
        most=Node.most,
        seen=sum(watch.collections.values()),
        enabled=gc.isenabled(),
        thresholds=gc.get_threshold(),
    )


@app.task(name="garbage")
def garbage(pairs):
    before = sum(watch.collections.values())
    leave(pairs)
    return seen(during=sum(watch.collections.values()) - before)


@app.task(name="state")
def state():
    return seen()


@app.task(name="nested")
def nested(pairs):
    """Another task within this one: what this one left must wait for the end of this one."""
    leave(pairs)
    state.apply()
    return seen()


@app.task(name="fails")
def fails(pairs):
    leave(pairs)
    raise ValueError("this task fails")


@app.task(name="dies")
def dies(pairs):
    leave(pairs)
    os.kill(os.getpid(), 9)


@app.task(name="hangs", time_limit=1)
def hangs(pairs):
    leave(pairs)
    time.sleep(30)


@app.task(name="stops", soft_time_limit=1)
def stops(pairs):
    leave(pairs)
    time.sleep(30)


def call(name, arguments):
    try:
        return app.send_task(name, arguments).get(timeout=30)
    except Exception as error:
        return type(error).__name__


if __name__ == "__main__":
    print(json.dumps([call(*one) for one in json.loads(sys.argv[1])]))

"""Learners who keep asking until standard input ends, from inside the LMS host; scripts/dev/lib/asking.py sends it there.

Reads one line of JSON, {"lms": URL, "courses": [key, ...], "learners": number, "seconds": most}, and writes a line
[start, page, status, milliseconds, error] for each request, start in seconds of Unix time. Learners open outlines and
the blocks API in turn; beside them a member of staff logs in again and again. A request without an answer has status 0.
Standard library only: nothing is installed on the host.
"""

import itertools
import json
import sys
import threading
import time
import urllib.error
import urllib.parse

from learner import login, timed

PAUSE_SECONDS = 0.1
OUTLINE = "/api/course_home/outline/{key}"
BLOCKS = "/api/courses/v2/blocks/?course_id={quoted}&depth=all&nav_depth=3&username=learner"


def said(start, page, status, error):
    """Write down one request."""
    line = json.dumps([round(start, 3), page, status, round((time.time() - start) * 1000, 1), error])
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measured(page, request):
    """Make one request; `request` returns its HTTP status."""
    start = time.time()
    try:
        said(start, page, request(), None)
    except urllib.error.HTTPError as error:
        said(start, page, error.code, str(error))
    except (OSError, ValueError) as error:
        said(start, page, 0, f"{type(error).__name__}: {error}")


def study(order, number, done):
    """Open pages of all courses until it is done."""
    session = login(order["lms"], "learner@example.com", "edx")
    visits = [(page, path, key) for key in order["courses"] for page, path in (("outline", OUTLINE), ("blocks", BLOCKS))]
    # Each learner begins elsewhere.
    for page, path, key in itertools.islice(itertools.cycle(visits), number, None):
        if done.is_set():
            return
        url = order["lms"] + path.format(key=key, quoted=urllib.parse.quote(key))
        measured(page, lambda url=url: timed(session, url)[0])
        done.wait(PAUSE_SECONDS)


def come_in(order, done):
    """Log in again and again until it is done."""
    while not done.is_set():
        measured("login", lambda: login(order["lms"], "staff@example.com", "edx") and 200)
        done.wait(PAUSE_SECONDS * 5)


def main():
    order = json.loads(sys.stdin.readline())
    done = threading.Event()
    threads = [threading.Thread(target=study, args=(order, number, done)) for number in range(order["learners"])]
    threads.append(threading.Thread(target=come_in, args=(order, done)))
    for thread in threads:
        thread.start()
    last = threading.Timer(order["seconds"], done.set)
    # Or the program would not end before it.
    last.daemon = True
    last.start()
    # Until whoever asked for it leaves.
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()

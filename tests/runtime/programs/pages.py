"""A Django site of one file whose pages leave garbage in cycles; settings, URLs and WSGI application at once.

RUNTIME_HOOKS, if set, is what the settings pass to settings_hooks.install, as JSON: how a platform with settings in Python is
prepared. SLOW_COLLECTION, in seconds, makes each collection of more than 1,000 objects as slow as on a large heap.
"""

from __future__ import absolute_import

import gc
import json
import os
import sys
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse, StreamingHttpResponse

try:
    from django.urls import re_path
except ImportError:
    from django.conf.urls import url as re_path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="pages",
        SECRET_KEY="test",
        MIDDLEWARE=[],
        INSTALLED_APPS=[],
        DATABASES={},
        USE_TZ=True,
    )
    if os.environ.get("RUNTIME_HOOKS"):
        from block_structure_runtime import settings_hooks

        settings_hooks.install(**json.loads(os.environ["RUNTIME_HOOKS"]))


class Node(object):
    """Two of these refer to each other: only the collector frees them."""

    alive = 0
    most = 0

    def __init__(self):
        self.other = None
        Node.alive += 1
        Node.most = max(Node.most, Node.alive)

    def __del__(self):
        Node.alive -= 1


def leave(pairs):
    """Leave garbage: pairs of nodes, each with its dictionary."""
    for _ in range(pairs):
        one, other = Node(), Node()
        one.other, other.other = other, one


class Watch(object):
    """Counts the collections while a request runs, and those between two."""

    def __init__(self):
        self.in_request = False
        self.collections = {"in": 0, "between": 0}

    def __call__(self, phase, info):
        if phase == "start":
            self.collections["in" if self.in_request else "between"] += 1
            if gc.get_count()[0] > 1000 or info["generation"]:
                time.sleep(float(os.environ.get("SLOW_COLLECTION", "0")))


watch = Watch()
gc.callbacks.append(watch)


def number(request, name, default):
    return int(request.GET.get(name, default))


def answer(request):
    """What this process holds and has seen."""
    return JsonResponse(
        {
            "pid": os.getpid(),
            "alive": Node.alive,
            "most": Node.most,
            "seen": watch.collections,
            "enabled": gc.isenabled(),
            "thresholds": gc.get_threshold(),
            "path": request.path,
        }
    )


def garbage(request):
    leave(number(request, "pairs", 20000))
    time.sleep(number(request, "ms", 0) / 1000.0)
    return answer(request)


def runaway(request):
    Node.most = 0
    leave(number(request, "pairs", 1000000))
    return answer(request)


def fails(request):
    leave(number(request, "pairs", 20000))
    raise ValueError("this page fails")


def ends(request):
    leave(number(request, "pairs", 20000))
    sys.exit(3)


def dies(request):
    leave(number(request, "pairs", 20000))
    os.kill(os.getpid(), 9)


def streams(request):
    def pieces():
        for _ in range(number(request, "pieces", 20)):
            leave(2000)
            time.sleep(number(request, "ms", 0) / 1000.0)
            yield b"x" * 10000

    return StreamingHttpResponse(pieces(), content_type="text/plain")


urlpatterns = [
    re_path("^state$", answer),
    re_path("^garbage$", garbage),
    re_path("^runaway$", runaway),
    re_path("^fails$", fails),
    re_path("^ends$", ends),
    re_path("^dies$", dies),
    re_path("^streams$", streams),
]


class Marked(object):
    """The WSGI application, which says while a request runs; a response runs until it is closed."""

    def __init__(self):
        django.setup()
        self.inner = get_wsgi_application()

    def __call__(self, environ, start_response):
        watch.in_request = True
        response = self.inner(environ, start_response)
        return Closing(response)


class Closing(object):
    def __init__(self, response):
        self.response = response

    def __iter__(self):
        return iter(self.response)

    def close(self):
        self.response.close()
        watch.in_request = False


if __name__ != "__main__":
    application = Marked()

"""Runs in the LMS host's `manage.py lms shell -c`: orders as JSON lines on standard input, answers as JSON lines with a mark.

One boot of the LMS serves a whole table of cells. Pages are asked of the running LMS over HTTP, a publish is done by the
running worker; only generation, and looking, happen in this process.
"""

import http.cookiejar
import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex
from django.core.cache import cache
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure import api
from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel
from openedx.core.djangoapps.content.block_structure.store import BlockStructureStore
from sandbox.editing import edit_and_publish
from xmodule.modulestore.django import modulestore

MARK = "STORAGE_DRIVER "
LMS = "http://127.0.0.1:8000"


class Driver:
    """The orders by name; each takes keyword arguments and returns what JSON can hold."""

    def __init__(self):
        self.opener = None
        self.loading, self.samples, self.crowd = False, [], []

    def _login(self):
        cookies = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        opener.open(LMS + "/login", timeout=60).read()
        token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
        form = urllib.parse.urlencode({"email": "learner@example.com", "password": "edx"}).encode()
        headers = {"X-CSRFToken": token, "Referer": LMS + "/login"}
        opener.open(urllib.request.Request(LMS + "/api/user/v1/account/login_session/", form, headers), timeout=60).read()
        return opener

    def visit(self, course, timeout):
        """Ask for the blocks of a course as a learner; status 0 means that no answer came within the timeout (seconds)."""
        self.opener = self.opener or self._login()
        return self._visit(self.opener, course, timeout)

    def _visit(self, opener, course, timeout):
        query = urllib.parse.urlencode(
            {"course_id": course, "depth": "all", "username": "learner", "requested_fields": "display_name"}
        )
        start = time.time()
        text = ""
        try:
            with opener.open(LMS + "/api/courses/v2/blocks/?" + query, timeout=timeout) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        return {
            "status": status,
            "seconds": round(time.time() - start, 2),
            "titles": text.count('"display_name"'),
            "text": text,
        }

    def load_start(self, courses, threads, flush_seconds):
        """Let so many learners ask for course after course until `load_stop`; the cache is emptied ever again."""
        self.samples, self.loading = [], True

        def learner(number):
            opener = self._login()
            while self.loading:
                course = courses[(number + len(self.samples)) % len(courses)]
                began = time.time()
                answer = self._visit(opener, course, 120)
                self.samples.append([began, answer["status"], answer["seconds"]])

        def flusher():
            while self.loading:
                time.sleep(flush_seconds)
                self.flush()

        self.crowd = [threading.Thread(target=learner, args=(number,)) for number in range(threads)]
        self.crowd.append(threading.Thread(target=flusher))
        for one in self.crowd:
            one.start()

    def load_answered(self, since):
        """Return how many learners have been answered who asked after a moment (seconds since 1970)."""
        return sum(sample[0] >= since for sample in list(self.samples))

    def load_stop(self):
        """End the load; return [moment of asking, status, seconds] of each request."""
        self.loading = False
        for one in self.crowd:
            one.join()
        return self.samples

    def sees(self, course, title, timeout):
        """Visit, and say whether the page shows a unit of this title."""
        answer = self.visit(course, timeout)
        answer["new"] = json.dumps(title) in answer.pop("text")
        return answer

    def generate(self, course):
        """Generate a course as `generate_course_blocks --force_update` does."""
        start, problem = time.time(), None
        try:
            api.update_course_in_cache(CourseKey.from_string(course))
        except Exception as error:
            problem = type(error).__name__
        return {"problem": problem, "seconds": round(time.time() - start, 2)}

    def publish(self, course, title):
        """Rename the first unit and publish; the rest is the worker's."""
        edit_and_publish(course, "vertical", {"display_name": title})

    def row(self, course):
        """Return the row of a course: object name, moment of its last change, and whether it is of the published version."""
        key = CourseKey.from_string(course)
        found = BlockStructureModel.objects.filter(data_usage_key=modulestore().make_course_usage_key(key)).first()
        published = SplitModulestoreCourseIndex.objects.get(course_id=key).published_version
        if found is None:
            return None
        return {"name": found.data.name, "modified": str(found.modified), "fresh": found.data_version == str(published)}

    def now(self):
        """Return the seconds since 1970 here."""
        return time.time()

    def flush(self):
        """Take every structure out of memcached; sessions, which are there too, stay."""
        store = BlockStructureStore(cache)
        for row in BlockStructureModel.objects.all():
            cache.delete(store._encode_root_cache_key(row))

    def _storage(self):
        return BlockStructureModel._meta.get_field("data").storage

    def stored(self, course):
        """Return whether S3 itself has the object that the row of a course names, whatever this host has."""
        backend = self._storage()
        return (backend.strict() if hasattr(backend, "strict") else backend).exists(self.row(course)["name"])

    def signature(self, course):
        """Return the status of the signature of the object that the row of a course names."""
        return self._storage().signature_of(self.row(course)["name"])["status"]

    def state(self):
        """Return what the storage class says of this host; None for the plain class."""
        backend = self._storage()
        return backend.state() if hasattr(backend, "state") else None

    def drain(self):
        """Upload what waits, as `scripts/block-structure spool drain` does."""
        backend = self._storage()
        return backend.drain(wait_seconds=75) if hasattr(backend, "drain") else None

    def forget(self, breaker=True, copies=True):
        """Be a host on which no outage is remembered and that never saw an object."""
        state = self.state()
        if state is None:
            return
        folder = Path(state["local_directory"])
        if breaker:
            (folder / "breaker.json").unlink(missing_ok=True)
        for path in (folder / "objects").iterdir() if copies else []:
            path.unlink()

    def truncate(self):
        """Cut the last bytes off every local copy; return how many there are."""
        paths = list(Path(self.state()["local_directory"]).glob("objects/*"))
        for path in paths:
            path.write_bytes(path.read_bytes()[:-10])
        return len(paths)


def main():
    driver = Driver()
    print(MARK + json.dumps({"answer": "ready"}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"answer": getattr(driver, order.pop("order"))(**order)}
        except Exception as error:
            answer = {"error": type(error).__name__ + ": " + str(error)}
        print(MARK + json.dumps(answer, default=str), flush=True)


main()

"""A learner's session. As a program: times the blocks API of each course from inside the LMS host.

Reads one JSON object from standard input, {"lms": URL, "email", "username", "password", "courses": [key, ...]}, and writes
{"course key": {"status": int, "ms": float}, ...} to standard output. With "visits": [{"url", "pids"}, ...] instead of
courses it opens these in order and writes a line {"status", "ms", "cpu_ms", "sha256"} for each; cpu_ms is the CPU time that the
processes used meanwhile, which does not depend on other load; sha256 is that of the body. Standard library only: nothing is
installed on the host.
"""

import hashlib
import http.cookiejar
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


class Session:
    """A learner's session: `open` requests a page with it, `cookie_header` passes it to another client."""

    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies)).open

    def cookie_header(self):
        """Return the value of the Cookie header."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)


def login(lms, email, password):
    """Return the session of a learner; raises urllib.error.HTTPError if the LMS refuses the login."""
    session = Session()
    session.open(lms + "/login", timeout=60).read()
    token = next(cookie.value for cookie in session.cookies if cookie.name == "csrftoken")
    form = urllib.parse.urlencode({"email": email, "password": password}).encode()
    request = urllib.request.Request(
        lms + "/api/user/v1/account/login_session/",
        data=form,
        headers={"X-CSRFToken": token, "Referer": lms + "/login"},
    )
    session.open(request, timeout=60).read()
    return session


def timed(session, url):
    """Return (status, milliseconds, body) of one request, the time including its body."""
    start, body = time.perf_counter(), b""
    try:
        with session.open(url, timeout=300) as response:
            body = response.read()
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    return status, round((time.perf_counter() - start) * 1000, 1), body


def processor_ms(pids):
    """Return the CPU time that local processes have used so far, in ms; source: proc(5), in ticks of 10 ms."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 // os.sysconf("SC_CLK_TCK")


def main():
    request = json.load(sys.stdin)
    session = login(request["lms"], request["email"], request["password"])
    if "visits" in request:
        for visit in request["visits"]:
            before = processor_ms(visit["pids"])
            status, milliseconds, body = timed(session, visit["url"])
            used = processor_ms(visit["pids"]) - before
            digest = hashlib.sha256(body).hexdigest()
            print(json.dumps({"status": status, "ms": milliseconds, "cpu_ms": used, "sha256": digest}), flush=True)
        return
    answers = {}
    for course in request["courses"]:
        query = urllib.parse.urlencode({"course_id": course, "depth": "all", "nav_depth": 3, "username": request["username"]})
        status, milliseconds, _ = timed(session, request["lms"] + "/api/courses/v2/blocks/?" + query)
        answers[course] = {"status": status, "ms": milliseconds}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

"""A learner's session. As a program: the time of each course's blocks API, asked from inside the LMS host.

Reads one JSON object from standard input, {"lms": URL, "email", "username", "password", "courses": [key, ...]}, and writes
{"course key": {"status": int, "ms": float}, ...} to standard output. With "urls" in the place of courses it asks for these, one
after the other, and writes [{"url", "status", "ms"}, ...]. Standard library only: the host has nothing of ours.
"""

import http.cookiejar
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


class Session:
    """A learner's session: `open` asks for a page with it, `cookie_header` gives it to another client."""

    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies)).open

    def cookie_header(self):
        """Return the value of the Cookie header."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)


def login(lms, email, password):
    """Return the session of a learner; raises urllib.error.HTTPError when the LMS refuses it."""
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
    """Return (status, milliseconds) of one request, its body read."""
    start = time.perf_counter()
    try:
        with session.open(url, timeout=300) as response:
            response.read()
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    return status, round((time.perf_counter() - start) * 1000, 1)


def main():
    request = json.load(sys.stdin)
    session = login(request["lms"], request["email"], request["password"])
    if "urls" in request:
        timings = [(url, *timed(session, url)) for url in request["urls"]]
        json.dump([{"url": url, "status": status, "ms": milliseconds} for url, status, milliseconds in timings], sys.stdout)
        return
    answers = {}
    for course in request["courses"]:
        query = urllib.parse.urlencode({"course_id": course, "depth": "all", "nav_depth": 3, "username": request["username"]})
        status, milliseconds = timed(session, request["lms"] + "/api/courses/v2/blocks/?" + query)
        answers[course] = {"status": status, "ms": milliseconds}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

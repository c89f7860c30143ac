"""Time the blocks API of each course as a logged-in learner; runs inside the LMS host, so no port is published.

Reads one JSON object from standard input, {"lms": URL, "email", "username", "password", "courses": [key, ...]}, and writes
{"course key": {"status": int, "ms": float}, ...} to standard output. Standard library only: the host has nothing of ours.
"""

import http.cookiejar
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def login(lms, email, password):
    """Return an opener with a learner's session; raises urllib.error.HTTPError when the LMS refuses it."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    opener.open(lms + "/login", timeout=60).read()
    token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
    form = urllib.parse.urlencode({"email": email, "password": password}).encode()
    request = urllib.request.Request(
        lms + "/api/user/v1/account/login_session/",
        data=form,
        headers={"X-CSRFToken": token, "Referer": lms + "/login"},
    )
    opener.open(request, timeout=60).read()
    return opener


def timed(opener, url):
    """Return (status, milliseconds) of one request, its body read."""
    start = time.perf_counter()
    try:
        with opener.open(url, timeout=300) as response:
            response.read()
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    return status, round((time.perf_counter() - start) * 1000, 1)


def main():
    request = json.load(sys.stdin)
    opener = login(request["lms"], request["email"], request["password"])
    answers = {}
    for course in request["courses"]:
        query = urllib.parse.urlencode({"course_id": course, "depth": "all", "nav_depth": 3, "username": request["username"]})
        status, milliseconds = timed(opener, request["lms"] + "/api/courses/v2/blocks/?" + query)
        answers[course] = {"status": status, "ms": milliseconds}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

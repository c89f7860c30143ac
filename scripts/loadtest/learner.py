"""A learner's session. As a program: times the blocks API of each course from inside the LMS host.

Reads one JSON object from standard input, {"lms": URL, "email", "username", "password", "courses": [key, ...]}, and writes
{"course key": {"status": int, "ms": float}, ...} to standard output. "host" is the site's name, if the URL has another one.
With "sign_in": true it only logs in and writes {"username", "cookie"} or {"refused": why}. With "visits": [{"url", "pids"}]
instead of courses it opens these in order and writes a line {"status", "ms", "cpu_ms", "sha256"} for each; cpu_ms is the CPU
time that the processes used meanwhile, which does not depend on other load; sha256 is that of the body. Standard library only:
nothing is installed on the host.
"""

import hashlib
import http.cookies
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 60


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Answers a redirect as it is: the authentication micro-frontend is another site."""

    def redirect_request(self, *_given):
        """Follow nothing."""


class LoginError(ValueError):
    """The site did not log the learner in."""


def parsed(header):
    """Return the cookies of a Cookie or Set-Cookie header, each value as the site wrote it; none of one that is malformed."""
    try:
        return {name: morsel.coded_value for name, morsel in http.cookies.SimpleCookie(header).items()}
    except http.cookies.CookieError:
        return {}


class Session:
    """A learner's session: `open` requests a page with it, `cookie_header` passes it to another client.

    Cookies go back to the one site of the session whatever domain it names in them, because the site may be asked at an
    address of its host (SESSION_COOKIE_DOMAIN). host: its name, if the URLs have another one.
    """

    def __init__(self, host=None):
        self.host = host
        self.cookies = {}
        self.opener = urllib.request.build_opener(NoRedirect)

    def _keep(self, headers):
        for line in headers.get_all("Set-Cookie") or []:
            self.cookies.update(parsed(line))

    def open(self, asked, timeout=TIMEOUT_SECONDS):
        """Return the answer to a URL or a urllib request. Raises urllib.error.HTTPError unless it is a success."""
        request = asked if isinstance(asked, urllib.request.Request) else urllib.request.Request(asked)
        if self.host:
            request.add_header("Host", self.host)
        if self.cookies:
            request.add_header("Cookie", self.cookie_header())
        try:
            answer = self.opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            self._keep(error.headers)
            raise
        self._keep(answer.headers)
        return answer

    def cookie_header(self):
        """Return the value of the Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def _csrf_token(session, lms):
    """Return a CSRF token. /login sets its cookie too, and redirects where the micro-frontend shows the form."""
    for path in ("/csrf/api/v1/token", "/login"):
        try:
            with session.open(lms + path) as response:
                text = response.read()
            if path != "/login":
                return json.loads(text)["csrfToken"]
        except (urllib.error.HTTPError, ValueError, KeyError, TypeError):
            pass
    if "csrftoken" not in session.cookies:
        raise LoginError("neither /csrf/api/v1/token nor /login gives a CSRF token")
    return session.cookies["csrftoken"]


def whoami(session, lms):
    """Return the username that the site knows the session by. Raises LoginError if it knows none."""
    try:
        with session.open(lms + "/api/user/v1/me") as response:
            return json.load(response)["username"]
    except urllib.error.HTTPError as error:
        raise LoginError(f"asked who it is, the site answers HTTP {error.code}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LoginError("asked who it is, the site answers no username") from error


def login(lms, email, password, host=None):
    """Return the session of a learner. Raises urllib.error.HTTPError or LoginError if the LMS refuses the login."""
    session = Session(host)
    site = urllib.parse.urlsplit(lms)
    headers = {"X-CSRFToken": _csrf_token(session, lms), "Referer": f"{site.scheme}://{host or site.netloc}/login"}
    # The second version of the API has another name for the field.
    form = urllib.parse.urlencode({"email": email, "email_or_username": email, "password": password}).encode()
    for version in ("v1", "v2"):
        url = f"{lms}/api/user/{version}/account/login_session/"
        try:
            session.open(urllib.request.Request(url, data=form, headers=headers)).read()
            break
        except urllib.error.HTTPError as error:
            if error.code != 404 or version == "v2":
                raise
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


def sign_in(request):
    """Return {"username", "cookie"} of a learner as the site answers, or {"refused": why}."""
    try:
        session = login(request["lms"], request["email"], request["password"], request.get("host"))
        return {"username": whoami(session, request["lms"]), "cookie": session.cookie_header()}
    except (OSError, ValueError) as error:  # HTTPError and URLError are OSErrors
        return {"refused": f"{type(error).__name__}: {error}"}


def main():
    request = json.load(sys.stdin)
    if request.get("sign_in"):
        json.dump(sign_in(request), sys.stdout)
        return
    session = login(request["lms"], request["email"], request["password"], request.get("host"))
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

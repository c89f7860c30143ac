"""Load on the outline and the blocks API as one logged-in learner; run by `scripts/block-structure benchmark`, in locust.

BLOCK_STRUCTURE_LOADTEST names a JSON file:
  username, cookie   the learner, and the session of a login before the run
  host               the site's name, if the URL has another one, else null
  visits             [{"page", "nav_depth" or null, "course", "path"}, ...]
  order              "random": users pick visits until the run ends; "once": one user walks through them and the run ends
  think_seconds      [least, most] between two requests of a user
  samples            file that receives one JSON line per visit: the visit, ms, status, bytes, error

All users share one session: each login ends the learner's other sessions (PREVENT_CONCURRENT_LOGINS), logins are rate-limited,
and this is no load test of the login page.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.exception import StopUser

sys.path.insert(0, str(Path(__file__).resolve().parent))
from learner import Session, parsed, whoami

REQUEST = json.loads(Path(os.environ["BLOCK_STRUCTURE_LOADTEST"]).read_text())
SAMPLES = Path(REQUEST["samples"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - open for the life of the process
TIMEOUT_SECONDS = 300.0


HEADERS = {"Cookie": REQUEST["cookie"], **({"Host": REQUEST["host"]} if REQUEST["host"] else {})}


@events.quitting.add_listener
def check_session(environment: Any, **_more: Any) -> None:
    """Ask who the learner is. If the session ended meanwhile, the process ends with the reason on standard error."""
    session = Session(REQUEST["host"])
    session.cookies = parsed(REQUEST["cookie"])
    try:
        found = whoami(session, environment.host)
    except (OSError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
    if found != REQUEST["username"]:
        sys.stderr.write(f"LOGIN the session ended during the load ({found})\n")
        environment.process_exit_code = 3


class Learner(FastHttpUser):
    """A learner who opens course pages."""

    wait_time = between(*REQUEST["think_seconds"])
    network_timeout = TIMEOUT_SECONDS
    connection_timeout = TIMEOUT_SECONDS
    insecure = False  # an invalid certificate is an error, as in a browser

    def visit(self, visit: dict[str, Any]) -> None:
        """Open one page and save its time."""
        name = visit["page"] if visit["nav_depth"] is None else f"{visit['page']} nav_depth={visit['nav_depth']}"
        with self.client.get(visit["path"], name=name, headers=HEADERS, catch_response=True, allow_redirects=False) as answer:
            error = None if answer.status_code == 200 else str(answer.error or f"HTTP {answer.status_code}")
            if error:
                answer.failure(error)
            sample = {
                "page": visit["page"],
                "nav_depth": visit["nav_depth"],
                "course": visit["course"],
                "ms": round(float(answer.request_meta["response_time"]), 2),
                "status": int(answer.status_code),
                "bytes": len(answer.content or b""),
                "error": error,
            }
        SAMPLES.write(json.dumps(sample) + "\n")

    @task
    def study(self) -> None:
        """Open a page, or all of them once."""
        if REQUEST["order"] == "random":
            self.visit(random.choice(REQUEST["visits"]))
            return
        for visit in REQUEST["visits"]:
            self.visit(visit)
        self.environment.runner.quit()
        raise StopUser

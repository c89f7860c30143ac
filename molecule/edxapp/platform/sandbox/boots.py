"""The boots log: one line for each start of manage.py, so that tests can count what a deployment costs."""

import datetime
import os
from pathlib import Path

DEFAULT_PATH = "/edx/var/log/edxapp/boots.log"
SHOWN = 4


def record(system, arguments):
    """Append time, system and the first words of the command. A log that can't be written never stops a boot.

    Only the command and its first options are written: what follows could be long or private.
    """
    words = " ".join(word if len(word) <= 60 else f"{word[:60]}..." for word in arguments[:SHOWN])
    line = f"{datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='milliseconds')} {system} {words}\n"
    try:
        with Path(os.environ.get("EDXAPP_BOOTS_LOG", DEFAULT_PATH)).open("a", encoding="utf-8") as log:
            log.write(line)
    except OSError:
        return

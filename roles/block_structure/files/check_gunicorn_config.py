"""Read a gunicorn configuration file on standard input and load it as gunicorn does; argument 1 is the path that it is for.

Runs with the LMS's Python, as the LMS's user, without starting the LMS. Ends with gunicorn's own words when it would not load.
"""

import sys

from gunicorn.config import Config

path = sys.argv[1]
names = {"__name__": "__config__", "__file__": path}
exec(compile(sys.stdin.read(), path, "exec"), names)
config = Config()
for name, value in names.items():
    if name in config.settings:
        config.set(name.lower(), value)

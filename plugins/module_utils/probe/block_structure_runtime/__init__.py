"""What an LMS worker runs with, where the role block_structure was asked for it: see docs/runtime.md of the role.

collector.py moves Python's garbage collection out of the request, keys.py keeps the hash of an opaque key, worker.py applies
both to one process, reports.py writes what it runs with. gunicorn_hooks.py, settings_hooks.py (uWSGI) and celery_hooks.py hook
into each kind of server. The syntax is that of Python 2.7 and 3.5. Nothing here may cost the platform a worker: what fails is
left undone, and reported.
"""

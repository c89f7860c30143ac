"""The one program that runs inside the LMS's own Django: a JSON request in, marked JSON lines out.

It travels on the standard input of `manage.py lms shell` (see ../probe_client.py) and keeps to the syntax of Python 2.7 and
3.5. The platform is imported inside functions only, so that Ansible's own Python can carry these files.
"""

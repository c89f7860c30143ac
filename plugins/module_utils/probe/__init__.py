"""The program that runs inside the LMS's own Django: a JSON request in, marked JSON lines out.

host/probe_client.py sends it to the standard input of `manage.py lms shell`. It keeps to the syntax of Python 2.7 and 3.5, and
imports the platform inside functions only, so that Ansible's Python can import these files.
"""

"""What runs inside a platform's own Django: observes behaviour, and says nothing of what it should be.

Sent over the standard input of `manage.py lms shell`. It writes to courses of the organization BlockStructureContract
and to a switch of its own alone, and removes both when it ends.
"""

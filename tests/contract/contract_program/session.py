"""Observes the rows that are asked for, on a course that exists for as long as that takes."""

from contract_program.course import Course
from contract_program.harness import observe
from edx_django_utils.cache import RequestCache


def main(names):
    """Observe the named rows in their order."""
    with Course() as course:
        for name in names:
            RequestCache.clear_all_namespaces()
            observe(name, course)

"""Exceptions of the modulestore. Facts: edx-platform xmodule/modulestore/exceptions.py."""


class ItemNotFoundError(Exception):
    """No block has this key."""


class DuplicateCourseError(Exception):
    """A course of this key exists."""

    def __init__(self, course_id=None, existing_entry=None):
        super().__init__(f"Course {course_id} exists: {existing_entry}")


class InvalidBranchSetting(Exception):
    """The operation is not possible on the branch that is set."""

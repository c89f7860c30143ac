"""The index of courses as an SQL model, which releases before Maple do not have (theirs is a collection of MongoDB).

Facts: edx-platform common/djangoapps/split_modulestore_django/models.py.
"""

import release_rows
from xmodule.modulestore import course_index

__all__ = []

if release_rows.current().course_index:
    SplitModulestoreCourseIndex = course_index.SplitModulestoreCourseIndex
    __all__ += ["SplitModulestoreCourseIndex"]

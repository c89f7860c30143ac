"""The index of courses: one row a course, with the current version of each branch.

It stands in for both of the platform's: a collection of MongoDB until Lilac, an SQL table from Maple. Facts: edx-platform
common/djangoapps/split_modulestore_django/models.py.
"""

from django.db import models
from opaque_keys.edx.django.models import LearningContextKeyField


class SplitModulestoreCourseIndex(models.Model):
    """A course. Versions are 24 hexadecimal digits; an empty one means that the branch doesn't exist."""

    objectid = models.CharField(max_length=24, unique=True)
    course_id = LearningContextKeyField(max_length=255, db_index=True, unique=True)
    org = models.CharField(max_length=255, db_index=True)
    draft_version = models.CharField(max_length=24, blank=True)
    published_version = models.CharField(max_length=24, blank=True)
    library_version = models.CharField(max_length=24, blank=True)
    wiki_slug = models.CharField(max_length=255, db_index=True, blank=True)
    base_store = models.CharField(max_length=20, default="mongodb")
    edited_by_id = models.IntegerField(null=True)
    edited_on = models.DateTimeField()
    last_update = models.DateTimeField()

    class Meta:
        app_label = "split_modulestore_django"
        ordering = ["course_id"]

    def __str__(self):
        return f"Course Index ({self.course_id})"

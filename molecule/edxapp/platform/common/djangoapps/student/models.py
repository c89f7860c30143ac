"""Who is enrolled in which course, as far as counting goes.

Facts: edx-platform common/djangoapps/student/models/course_enrollment.py, where the key is the column of a foreign key to the
course overview.
"""

from django.conf import settings
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class CourseEnrollment(models.Model):
    """A learner in a course; one who left stays as inactive."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    course_id = CourseKeyField(max_length=255, db_index=True)
    created = models.DateTimeField(auto_now_add=True, null=True)
    is_active = models.BooleanField(default=True)
    mode = models.CharField(max_length=100, default="audit")

    class Meta:
        unique_together = [("user", "course_id")]
        ordering = ["user", "course_id"]

    def __str__(self):
        return f"{self.user_id} in {self.course_id}"

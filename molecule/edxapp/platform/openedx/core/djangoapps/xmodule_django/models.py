"""Model fields of keys. Facts: edx-platform openedx/core/djangoapps/xmodule_django/models.py."""

from opaque_keys.edx.django.models import UsageKeyField

from xmodule.modulestore.django import modulestore


class UsageKeyWithRunField(UsageKeyField):
    """A usage key that names its course's run."""

    def to_python(self, value):
        value = super().to_python(value)
        if value is not None and value.run is None:
            value = value.replace(course_key=modulestore().fill_in_run(value.course_key))
        return value

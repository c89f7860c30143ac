"""Storage back ends by dotted name. Facts: edx-platform openedx/core/storage.py."""

from functools import lru_cache

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible
from django.utils.module_loading import import_string

import release_rows

__all__ = ["OverwriteStorage", "get_storage"]

if "storages.backends.s3boto3" not in release_rows.current().absent_modules:
    from storages.backends.s3boto3 import S3Boto3Storage

    __all__ += ["S3Boto3Storage"]


@deconstructible
class OverwriteStorage(FileSystemStorage):
    """Files on disk, where a new file takes the place of an old one of the same name."""

    def get_available_name(self, name, max_length=None):
        if self.exists(name):
            self.delete(name)
        return name


@lru_cache
def get_storage(storage_class=None, **kwargs):
    """Return the storage of a class and its keyword arguments; the same for the same arguments.

    The cache needs each value to be hashable: a dict or a list raises TypeError. Without a class, Django's default file
    storage is meant.
    """
    return import_string(storage_class or settings.DEFAULT_FILE_STORAGE)(**kwargs)

"""The table of stored structures and the files behind it."""

import datetime
import errno
import logging
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.db import models, transaction
from model_utils.models import TimeStampedModel

import release_rows
from openedx.core.djangoapps.xmodule_django.models import UsageKeyWithRunField

from . import config
from .config.models import BlockStructureConfiguration
from .exceptions import BlockStructureNotFound

if release_rows.current().storage_resolver == "resolve_storage_backend":
    from common.djangoapps.util.storage import resolve_storage_backend
else:
    from openedx.core.storage import get_storage

__all__ = ["BlockStructureConfiguration", "BlockStructureModel", "BlockStructureNotFound"]
log = logging.getLogger(__name__)
TIME_IN_NAMES = "%Y-%m-%d-%H:%M:%S-%f"
PATH_LENGTH = 500


def _directory_name(data_usage_key):
    """Return DIRECTORY_PREFIX, put in front as it is, and the usage key with its slashes replaced."""
    prefix = settings.BLOCK_STRUCTURES_SETTINGS.get("DIRECTORY_PREFIX", "")
    return prefix + str(data_usage_key).replace("/", "_")


def _path_name(bs_model, _filename):
    """Return the name for a new file: the directory of the key and the time in UTC."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return f"{_directory_name(bs_model.data_usage_key)}/{moment.strftime(TIME_IN_NAMES)}"


def _bs_model_storage():
    """Return the storage of structures, found as the release does it."""
    own = settings.BLOCK_STRUCTURES_SETTINGS
    kwargs = own.get("STORAGE_KWARGS", {})
    if release_rows.current().storage_resolver == "resolve_storage_backend":
        return resolve_storage_backend(
            "block_structures_settings", "BLOCK_STRUCTURES_SETTINGS", ["STORAGE_CLASS"], options=kwargs
        )
    return get_storage(own.get("STORAGE_CLASS"), **kwargs)


class CustomizableFileField(models.FileField):
    """A file field whose storage comes from the settings, when the model's class is made, and not from a migration."""

    def __init__(self, *arguments, **named):
        named.update(upload_to=_path_name, storage=_bs_model_storage(), max_length=PATH_LENGTH)
        super().__init__(*arguments, **named)

    def deconstruct(self):
        name, path, arguments, named = super().deconstruct()
        for own in ("upload_to", "storage", "max_length"):
            named.pop(own, None)
        return name, path, arguments, named


@contextmanager
def _storage_error_handling(bs_model, operation, is_read_operation=False):
    """Log what the storage raises, and decide what the caller meets.

    A read that finds no file becomes BlockStructureNotFound, which has the structure rebuilt; refused access
    (EACCES, EPERM), every other error, and all errors of writes go up as they are.
    """
    try:
        yield
    except Exception as error:
        log.exception("BlockStructure: Exception %s on store %s; %s.", error.__class__, operation, bs_model)
        refused = isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM)
        if is_read_operation and not refused and isinstance(error, (OSError, SuspiciousOperation)):
            raise BlockStructureNotFound(bs_model.data_usage_key) from error
        raise


class BlockStructureModel(TimeStampedModel):
    """A stored structure: the versions that it was collected at, and its file."""

    VERSION_FIELDS = [
        "data_version",
        "data_edit_timestamp",
        "transformers_schema_version",
        "block_structure_schema_version",
    ]
    UNIQUENESS_FIELDS = ["data_usage_key", *VERSION_FIELDS]

    data_usage_key = UsageKeyWithRunField(max_length=255, unique=True)
    data_version = models.CharField(max_length=255, blank=True, null=True)
    data_edit_timestamp = models.DateTimeField(blank=True, null=True)
    transformers_schema_version = models.CharField(max_length=255)
    block_structure_schema_version = models.CharField(max_length=255)
    data = CustomizableFileField()

    class Meta:
        db_table = "block_structure"

    def __str__(self):
        return ", ".join(f"{name}: {getattr(self, name)}" for name in self.UNIQUENESS_FIELDS)

    @classmethod
    def get(cls, data_usage_key):
        """Return the row of a root block. Raises BlockStructureNotFound."""
        try:
            return cls.objects.get(data_usage_key=data_usage_key)
        except cls.DoesNotExist as error:
            log.info("BlockStructure: Not found in table; %s.", data_usage_key)
            raise BlockStructureNotFound(data_usage_key) from error

    @classmethod
    def update_or_create(cls, serialized_data, data_usage_key, **versions):
        """Write the row and a new file; return (row, whether it was created).

        The row is kept only if the file was written. An update removes the oldest files.
        """
        with transaction.atomic():
            bs_model, created = cls.objects.update_or_create(data_usage_key=data_usage_key, defaults=versions)
            operation = "Created" if created else "Updated"
            with _storage_error_handling(bs_model, operation):
                bs_model.data.save("", ContentFile(serialized_data))
        if not created:
            cls._prune_files(data_usage_key)
        cls._log(bs_model, operation, serialized_data)
        return bs_model, created

    def get_serialized_data(self):
        """Return the content of the file. Raises BlockStructureNotFound if there is none."""
        with _storage_error_handling(self, "Read", is_read_operation=True):
            serialized_data = self.data.read()
        self._log(self, "Read", serialized_data)
        return serialized_data

    @classmethod
    def _prune_files(cls, data_usage_key, num_to_keep=None):
        """Remove all files of a root block but the newest; with 0 or less to keep, all. Errors are only logged."""
        optional = release_rows.current().pruning_is_optional
        if optional and not settings.BLOCK_STRUCTURES_SETTINGS.get("PRUNING_ACTIVE", False):
            return
        if num_to_keep is None:
            num_to_keep = config.num_versions_to_keep()
        try:
            names = sorted(cls._get_all_files(data_usage_key))
            doomed = names[:-num_to_keep] if num_to_keep > 0 else names
            storage = _bs_model_storage()
            for name in doomed:
                storage.delete(name)
            log.info(
                "BlockStructure: Deleted %d out of total %d files in store; data_usage_key: %s, num_to_keep: %d.",
                len(doomed),
                len(names),
                data_usage_key,
                num_to_keep,
            )
        except Exception:
            log.exception("BlockStructure: Exception when deleting old files; data_usage_key: %s.", data_usage_key)

    @classmethod
    def _get_all_files(cls, data_usage_key):
        """Return the names of all files of a root block."""
        directory = _directory_name(data_usage_key)
        names = _bs_model_storage().listdir(directory)[1]
        return [f"{directory}/{name}" for name in names if name and not name.startswith(".")]

    @classmethod
    def _log(cls, bs_model, operation, serialized_data):
        """Log what was done with a file, where, and its size."""
        storage = bs_model.data.storage
        log.info(
            "BlockStructure: %s in store %s at %s%s; %s, size: %d",
            operation,
            storage.__class__,
            getattr(storage, "bucket_name", ""),
            getattr(storage, "location", ""),
            bs_model,
            len(serialized_data),
        )

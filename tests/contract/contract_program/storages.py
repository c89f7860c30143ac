"""Which storage the settings give: classes, keyword arguments, ACL."""

from contract_program.course import block_structures_settings, with_storage
from contract_program.harness import name_of, row
from django.conf import settings
from openedx.core.djangoapps.content.block_structure import api, models

S3 = "storages.backends.s3boto3.S3Boto3Storage"
NAMED = {"bucket_name": "block-structure-contract"}


def storage_of(storage_class=S3, **kwargs):
    """Return the storage of a class and keyword arguments, found as the platform does."""
    values = {"STORAGE_CLASS": storage_class, "STORAGE_KWARGS": kwargs}
    with block_structures_settings(**values):
        return models._bs_model_storage()


@row
def unknown_keyword_arguments(_course):
    return name_of(storage_of, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", **NAMED)


@row
def lists_as_keyword_arguments(_course):
    return name_of(storage_of, gzip_content_types=["text/css"], **NAMED)


@row
def a_location_with_a_leading_slash(_course):
    return name_of(storage_of, location="/structures", **NAMED)


@row
def a_class_that_does_not_exist(_course):
    return name_of(storage_of, storage_class="storages.backends.nowhere.Storage")


@row
def storage_classes_that_import(_course):
    names = (
        "storages.backends.s3boto.S3BotoStorage",
        "storages.backends.s3boto3.S3Boto3Storage",
        "storages.backends.s3.S3Storage",
        "storages.backends.s3.S3Boto3Storage",
    )
    return [name for name in names if name_of(storage_of, storage_class=name, **NAMED) == "accepted"]


@row
def objects_are_public_unless_the_acl_is_given(_course):
    explicit = [storage_of(default_acl=acl, **NAMED).default_acl for acl in ("private", None)]
    return {"default": storage_of(**NAMED).default_acl, "explicit": explicit}


@row
@with_storage
def a_prefix_with_a_leading_slash(course):
    with block_structures_settings(DIRECTORY_PREFIX="/structures/"):
        raised = name_of(api.get_course_in_cache, course.key)
    return {"raised": raised, "row": bool(course.stored())}


@row
def a_global_acl_in_the_yaml(_course):
    return settings.AWS_DEFAULT_ACL

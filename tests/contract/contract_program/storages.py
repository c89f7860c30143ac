"""Which storage the settings give: classes, keyword arguments, ACL."""

from contract_program.course import block_structures_settings, with_storage
from contract_program.harness import name_of, row
from django.conf import settings
from django.test import override_settings
from django.utils.module_loading import import_string
from openedx.core.djangoapps.content.block_structure import api, models

S3 = "storages.backends.s3boto3.S3Boto3Storage"
S3BOTO = "storages.backends.s3boto.S3BotoStorage"
NAMED = {"bucket_name": "block-structure-contract"}
# Every name that django-storages' S3 classes of any version have, and no other.
KEYWORDS = [
    "access_key",
    "acl",
    "addressing_style",
    "auto_create_bucket",
    "bucket",
    "bucket_acl",
    "bucket_name",
    "calling_format",
    "client_config",
    "cloudfront_key",
    "cloudfront_key_id",
    "cloudfront_signer",
    "custom_domain",
    "default_acl",
    "encryption",
    "endpoint_url",
    "file_overwrite",
    "gzip",
    "gzip_content_types",
    "headers",
    "host",
    "location",
    "max_memory_size",
    "object_parameters",
    "port",
    "preload_metadata",
    "proxies",
    "querystring_auth",
    "querystring_expire",
    "reduced_redundancy",
    "region_name",
    "secret_key",
    "secure_urls",
    "security_token",
    "session_profile",
    "signature_version",
    "transfer_config",
    "url_protocol",
    "use_ssl",
    "use_threads",
    "verify",
]


def storage_of(storage_class=None, **kwargs):
    """Return the storage of a class (None: the newest one that imports) and keyword arguments, found as the platform does."""
    found = storage_class or next(name for name in (S3, S3BOTO) if name_of(import_string, name) == "accepted")
    values = {"STORAGE_CLASS": found, "STORAGE_KWARGS": kwargs}
    with block_structures_settings(**values):
        return models._bs_model_storage()


@row
def unknown_keyword_arguments(_course):
    return name_of(storage_of, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", **NAMED)


@row
def lists_as_keyword_arguments(_course):
    return name_of(storage_of, gzip_content_types=["text/css"], **NAMED)


@row
def keyword_arguments_that_are_refused(_course):
    """Asked with None: it is the name that is refused, not the value."""
    return [name for name in KEYWORDS if name_of(storage_of, **{**NAMED, name: None}) == "ImproperlyConfigured"]


@row
def keyword_arguments_that_do_something(_course):
    storage = storage_of(**NAMED)
    # What is computed, such as `bucket`, can't be set; cloudfront's are arguments in some versions, attributes in others.
    return [
        name
        for name in KEYWORDS
        if name in dir(storage)
        and not isinstance(getattr(type(storage), name, None), property)
        and not name.startswith("cloudfront_")
    ]


@row
def keyword_arguments_that_do_nothing(_course):
    """Taken, though nothing of the storage has such a name. `acl` and cloudfront's may be arguments, which show no trace."""
    storage = storage_of(**NAMED)
    asked = [name for name in KEYWORDS if name not in dir(storage) and name != "acl" and not name.startswith("cloudfront_")]
    return [name for name in asked if name_of(storage_of, **{**NAMED, name: None}) == "accepted"]


@row
def an_entry_of_storages_comes_first(_course):
    place = "/tmp/block-structure-contract-entry"
    entry = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": place}}
    with override_settings(STORAGES={**getattr(settings, "STORAGES", {}), "block_structures_settings": entry}):
        return getattr(models._bs_model_storage(), "base_location", None) == place


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

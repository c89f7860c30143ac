"""Edits as an author makes them: through the modulestore, as a draft, then published."""

from django.core.management.base import CommandError
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from xmodule.modulestore import ModuleStoreEnum
from xmodule.modulestore.django import modulestore


def edit_and_publish(course, block_type, values):
    """Set fields of the first block of a type and publish it; return its usage key.

    Raises CommandError if there is no such course or block.
    """
    try:
        course_key = CourseKey.from_string(course)
    except InvalidKeyError as error:
        raise CommandError(f"Invalid key specified: {error}") from error
    store, author = modulestore(), ModuleStoreEnum.UserID.mgmt_command
    with store.branch_setting(ModuleStoreEnum.Branch.draft_preferred, course_key), store.bulk_operations(course_key):
        root = store.get_course(course_key)
        block = root and _first(root, block_type)
        if block is None:
            raise CommandError(f"{course} has no block of type {block_type}.")
        for name, value in values.items():
            setattr(block, name, value)
        store.update_item(block, author)
        store.publish(block.location, author)
    return block.location


def _first(block, block_type):
    if block.category == block_type:
        return block
    found = (_first(child, block_type) for child in block.get_children())
    return next((block for block in found if block is not None), None)

"""The course blocks API and the outline.

Facts: edx-platform lms/djangoapps/course_api/blocks and lms/djangoapps/course_home_api/outline. Both ask the block
structure's manager: on a miss of cache and storage the structure is rebuilt within the request, and what the storage
raises beyond "not found" becomes a 500.
"""

from types import SimpleNamespace

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import JsonResponse
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from openedx.core.djangoapps.content.block_structure import collectors
from openedx.core.djangoapps.content.block_structure.api import get_block_structure_manager
from openedx.core.djangoapps.content.block_structure.transformers import BlockStructureTransformers
from sandbox.views.serializers import serialize
from xmodule.modulestore.exceptions import ItemNotFoundError

OUTLINE_FIELDS = {"children", "display_name", "type", "due", "graded", "format", "has_score", "show_correctness"}
OUTLINE_DEPTH = 3


def refused(status, message):
    """Return an error as the API words it."""
    return JsonResponse({"developer_message": message}, status=status)


@transaction.non_atomic_requests
def blocks(request):
    """Return the blocks of `course_id` that the user may see.

    depth: levels below the root, `all`, or 0 by default; nav_depth: levels whose blocks list their descendants;
    requested_fields: comma-separated; username: whose view (another's only for staff); all_blocks: everything, for
    staff; return_type: dict or list.
    """
    course_id = request.GET.get("course_id")
    if not course_id:
        return refused(400, "course_id is required.")
    try:
        course_key = CourseKey.from_string(course_id)
        depth = levels(request.GET.get("depth"))
        nav_depth = levels(request.GET.get("nav_depth"))
        user = viewer(request)
        structure = transformed(course_key, user)
    except InvalidKeyError:
        return refused(400, f"'{course_id}' is not a valid course key.")
    except ValidationError as error:
        return refused(400, error.messages[0])
    except PermissionDenied as error:
        return refused(403, str(error))
    except ItemNotFoundError as error:
        return refused(404, f"Block not found: {error}")
    body = serialize(structure, requested_fields(request), depth, nav_depth)
    if request.GET.get("return_type") == "list":
        return JsonResponse(list(body["blocks"].values()), safe=False)
    return JsonResponse(body)


def requested_fields(request):
    """Return the names of the fields that each block shows."""
    fields = {"type", "display_name"}
    for value in request.GET.getlist("requested_fields"):
        fields.update(name for name in value.split(",") if name)
    return fields


@transaction.non_atomic_requests
def outline(request, course_key_string, **_named):
    """Return the outline of a course, down to its units."""
    if not request.user.is_authenticated:
        return refused(401, "Authentication credentials were not provided.")
    try:
        structure = transformed(CourseKey.from_string(course_key_string), request.user)
    except InvalidKeyError:
        return refused(404, f"'{course_key_string}' is not a valid course key.")
    except ItemNotFoundError as error:
        return refused(404, f"Block not found: {error}")
    body = serialize(structure, OUTLINE_FIELDS, OUTLINE_DEPTH, None)
    return JsonResponse({"course_blocks": {"blocks": body["blocks"]}})


def levels(text):
    """Return a number of levels; None for all. Raises ValidationError."""
    if not text:
        return 0
    try:
        return None if text == "all" else int(text)
    except ValueError as error:
        raise ValidationError(f"'{text}' is not a valid depth value.") from error


def viewer(request):
    """Return the user whose view is asked for. Raises ValidationError and PermissionDenied."""
    user, username = request.user, request.GET.get("username")
    everything = request.GET.get("all_blocks", "").lower() in ("true", "1")
    if username is None and not everything:
        raise ValidationError("This field is required unless all_blocks is requested.")
    if not user.is_authenticated:
        raise PermissionDenied("Course blocks cannot be accessed anonymously.")
    if not everything and username.lower() == user.username.lower():
        return user
    if not user.is_staff:
        raise PermissionDenied(f"'{user.username}' may not see this view of the course.")
    if everything:
        return user
    other = get_user_model().objects.filter(username=username).first()
    if other is None:
        raise ItemNotFoundError(f"user {username}")
    return other


def transformed(course_key, user):
    """Return the structure of a course as a user sees it. Raises ItemNotFoundError."""
    transformers = BlockStructureTransformers([collectors.VisibilityTransformer()], SimpleNamespace(user=user))
    return get_block_structure_manager(course_key).get_transformed(transformers, user=user)

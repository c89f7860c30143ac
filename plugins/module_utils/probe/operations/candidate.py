"""Test settings that are not yet installed: this process was booted with them."""

from __future__ import absolute_import

import uuid

from ..engine import edxapp, facts, objects
from ..protocol import describe

CANARY_FOLDER = "block-structure-canary"
_WORLD = ("AllUsers", "AuthenticatedUsers")


class CanaryError(Exception):
    """The storage answered incorrectly."""


def _step(name, function):
    """Run one step of the canary; a failure carries the step's name."""
    try:
        return function()
    except Exception as error:
        problem = describe(error)
        problem["step"] = name
        raise StepError(problem)


class StepError(Exception):
    """Carries the description of the step that failed."""

    def __init__(self, problem):
        Exception.__init__(self, problem["message"])
        self.problem = problem


def _check(condition, text):
    if not condition:
        raise CanaryError(text)


def _world_can_read(backend, name):
    """Return whether the object has a public grant; False where the store does not report grants."""
    if not hasattr(backend, "bucket") or not hasattr(backend, "_normalize_name"):
        return False
    try:
        grants = backend.bucket.Object(backend._normalize_name(name)).Acl().grants
    except Exception:  # ACLs are disabled, or we may not read them: then we cannot have granted anything
        return False
    return any(str(grant.get("Grantee", {}).get("URI", "")).rsplit("/", 1)[-1] in _WORLD for grant in grants)


def canary(backend, prefix):
    """Write, read, list and delete one object under a prefix of a storage."""
    from django.core.files.base import ContentFile

    folder = prefix + CANARY_FOLDER
    content = uuid.uuid4().hex.encode("ascii")
    name = _step("write", lambda: backend.save(folder + "/" + uuid.uuid4().hex, ContentFile(content)))

    def read():
        with backend.open(name) as stream:
            _check(stream.read() == content, "the object read back differs from the one written")

    _step("read", read)
    _step("list", lambda: _check(name.rsplit("/", 1)[-1] in backend.listdir(folder)[1], "the object written is not listed"))
    public = _world_can_read(backend, name)
    _step("delete", lambda: backend.delete(name))
    _step("missing", lambda: _check(not backend.exists(name), "the object deleted is still there"))
    return {"name": name, "public": public}


def prove(backend, prefix):
    """Return {"name", "public"} of a successful canary, else {"problem"}."""
    try:
        return canary(backend, prefix)
    except StepError as error:
        return {"problem": error.problem}


def run(operation, _release):
    """Return {"settings", "key_hash": problem or None, "local", "canary": {"name", "public"} or {"problem"} or None}."""
    result = {
        "settings": facts.settings_facts(),
        "key_hash": facts.key_hash(),
        "local": edxapp.storage_state(),
        "canary": None,
    }
    if operation.get("canary"):
        # The resilient class hides failures of S3; its strict variant raises them.
        backend = getattr(edxapp.storage(), "strict", edxapp.storage)()
        result["canary"] = prove(backend, objects.prefix())
    return result

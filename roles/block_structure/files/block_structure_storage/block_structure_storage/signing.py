"""Signatures that only processes with the site's SECRET_KEY can make.

The objects are pickles, so whoever can write one runs code in every LMS. A digest beside the bytes tells damage; the signature
over name and digest tells that the bytes come from this site and belong to this name.
"""

import hashlib
import hmac
from typing import Any, Dict, List, Optional, Sequence

OFF = "off"  # nothing is signed, nothing is checked
ACCEPT_UNSIGNED = "accept_unsigned"  # what is written is signed; objects without a signature are read; wrong ones are not
REQUIRE = "require"  # what is written is signed, and nothing else is read
MODES = (OFF, ACCEPT_UNSIGNED, REQUIRE)

# What a signature may be; every status but the first two says why an object is not read.
VALID, UNCHECKED, UNSIGNED, OTHER_KEY, TAMPERED = "valid", "unchecked", "unsigned", "other_key", "tampered"
_MEANINGS = {
    UNSIGNED: "it has no signature: the plain class or somebody else wrote it",
    OTHER_KEY: "it was signed with another key: another SECRET_KEY, which SECRET_KEY_FALLBACKS does not have, or another site",
    TAMPERED: "its signature does not match its name and digest: it was tampered with, or copied from another name",
}

_SALT = b"block_structure_storage.signing"
_VERSION = "1"


class NotVerifiedError(Exception):
    """An object is not known to come from this site; `status` is UNSIGNED, OTHER_KEY or TAMPERED."""

    def __init__(self, status: str) -> None:
        Exception.__init__(self, _MEANINGS[status])
        self.status = status


class _Key:
    """A key derived from one secret, and the short public name by which two processes know that they share it."""

    def __init__(self, secret: bytes) -> None:
        self._derived = hmac.new(_SALT, secret, hashlib.sha256)
        # Keyed once, copied for each object: that halves the cost of a signature.
        self._keyed = hmac.new(self._derived.digest(), digestmod=hashlib.sha256)
        self.id = self._mac(b"key id")[:12]

    def _mac(self, message: bytes) -> str:
        computed = self._keyed.copy()
        computed.update(message)
        return computed.hexdigest()

    def sign(self, name: str, digest: str) -> str:
        # The digest comes first and has a fixed length, so no two pairs make the same message.
        return ":".join((_VERSION, self.id, self._mac(("%s %s" % (digest, name)).encode("utf-8"))))


class Signing:
    """What is signed and what is accepted.

    mode: one of MODES. secrets: SECRET_KEY, which signs, then SECRET_KEY_FALLBACKS, which are accepted as well; none is needed
    when the mode is OFF. Raises ValueError for an empty SECRET_KEY.
    """

    def __init__(self, mode: str, secrets: Sequence[bytes] = ()) -> None:
        self.mode = mode
        self._keys = []  # type: List[_Key]
        if mode != OFF:
            if not secrets or not secrets[0]:
                raise ValueError("objects are signed with Django's SECRET_KEY, and it is empty")
            self._keys = [_Key(secret) for secret in secrets if secret]
        self._known = {key.id: key for key in self._keys}

    def sign(self, name: str, digest: str) -> Optional[str]:
        """Return the signature of an object, None when nothing is signed. digest: SHA-256 of its bytes in hexadecimal."""
        return self._keys[0].sign(name, digest) if self._keys else None

    def status(self, name: str, digest: Optional[str], signature: Optional[str]) -> str:
        """Return VALID, UNSIGNED, OTHER_KEY or TAMPERED; UNCHECKED when the mode is OFF.

        digest: of the bytes as they were read, or as the metadata has it when only that is looked at.
        """
        if self.mode == OFF:
            return UNCHECKED
        if not signature:
            return UNSIGNED
        version, _, rest = signature.partition(":")
        key = self._known.get(rest.partition(":")[0])
        if version != _VERSION or key is None:
            return OTHER_KEY
        matches = digest is not None and hmac.compare_digest(key.sign(name, digest).encode(), signature.encode())
        return VALID if matches else TAMPERED

    def verify(self, name: str, digest: Optional[str], signature: Optional[str]) -> str:
        """Return the status of an object that may be read. Raises NotVerifiedError for one that may not."""
        status = self.status(name, digest, signature)
        if status in (OTHER_KEY, TAMPERED) or (status == UNSIGNED and self.mode == REQUIRE):
            raise NotVerifiedError(status)
        return status

    def state(self) -> Dict[str, Any]:
        """Return {"mode", "key_id", "accepted_key_ids"}: no secret, and equal where two processes share their keys.

        key_id: of the key that signs, None when the mode is OFF. accepted_key_ids: that one, then those of the fallbacks.
        """
        accepted = [key.id for key in self._keys]
        return {"mode": self.mode, "key_id": accepted[0] if accepted else None, "accepted_key_ids": accepted}


def key_id(signature: Optional[str]) -> Optional[str]:
    """Return the id of the key that a signature names, None for no signature."""
    parts = (signature or "").split(":")
    return parts[1] if len(parts) == 3 else None


def secrets_of(settings: Any) -> List[bytes]:
    """Return SECRET_KEY and SECRET_KEY_FALLBACKS (Django 4.1 and later; heeded wherever they are set) of Django's settings.

    Raises what Django raises for an empty SECRET_KEY (ImproperlyConfigured).
    """
    secrets = [settings.SECRET_KEY, *(getattr(settings, "SECRET_KEY_FALLBACKS", None) or ())]
    return [secret if isinstance(secret, bytes) else str(secret).encode("utf-8") for secret in secrets]

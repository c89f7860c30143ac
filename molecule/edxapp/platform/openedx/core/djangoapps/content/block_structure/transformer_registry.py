"""Which transformers there are."""

from base64 import b64encode
from hashlib import sha1

from openedx.core.lib.cache_utils import process_cached


class TransformerRegistry:
    """All transformers of this platform."""

    @classmethod
    def get_registered_transformers(cls):
        """Return the set of transformer classes."""
        from .collectors import TRANSFORMERS

        return set(TRANSFORMERS)

    @staticmethod
    @process_cached
    def get_write_version_hash():
        """Return a digest of all transformers' names and versions: a change makes every stored structure stale."""
        digest = sha1()
        for transformer in sorted(TransformerRegistry.get_registered_transformers(), key=lambda known: known.name()):
            digest.update(f"{transformer.name()}{transformer.WRITE_VERSION}".encode())
        return b64encode(digest.digest()).decode()

    @classmethod
    def find_unregistered(cls, transformers):
        """Return the names of those transformers that are not registered."""
        known = {transformer.name() for transformer in cls.get_registered_transformers()}
        return {transformer.name() for transformer in transformers} - known

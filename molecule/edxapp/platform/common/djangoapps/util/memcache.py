"""Cache keys that memcached takes. Facts: edx-platform common/djangoapps/util/memcache.py."""

import hashlib
from urllib.parse import quote_plus

from django.conf import settings

import release_rows

LONGEST_KEY = 250


def fasthash(text):
    """Return a 128-bit digest as hex text: md4 or blake2b, as the release has it.

    OpenSSL 3 refuses md4 (ValueError) unless its legacy provider is active.
    """
    kind = release_rows.current().key_hash
    if kind == "feature":
        kind = "blake2b" if settings.FEATURES.get("ENABLE_BLAKE2B_HASHING", False) else "md4"
    digest = hashlib.new(kind, digest_size=16) if kind == "blake2b" else hashlib.new(kind)
    digest.update(text.encode("utf-8"))
    return digest.hexdigest()


def safe_key(key, key_prefix, version):
    """Return `prefix:version:key`, each part quoted; its digest if that is longer than 250 characters."""
    combined = ":".join(quote_plus(str(part)) for part in (key_prefix, version, key))
    return fasthash(combined) if len(combined) > LONGEST_KEY else combined

"""The key function by its previous name. Facts: the `configuration` repository's KEY_FUNCTION until Koa."""

from common.djangoapps.util.memcache import safe_key

__all__ = ["safe_key"]

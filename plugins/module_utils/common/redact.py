"""Keep secrets out of all output."""

from __future__ import annotations

import re
from typing import Any

from ..probe.protocol import REDACTED, SECRET_NAME

PLACEHOLDER = REDACTED
_SECRET_NAME = re.compile(SECRET_NAME, re.IGNORECASE)


def is_secret_name(name: object) -> bool:
    """Return whether a value under this name must not be shown."""
    return bool(_SECRET_NAME.search(str(name)))


def redact(value: Any) -> Any:
    """Return a copy of nested data in which the values of secret-looking names are replaced; None stays None."""
    if isinstance(value, dict):
        return {
            key: PLACEHOLDER if is_secret_name(key) and item not in (None, "") else redact(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value


def scrub_all(value: Any, secrets: list[str]) -> Any:
    """Return a copy of nested data in whose strings the secrets are replaced."""
    if isinstance(value, dict):
        return {key: scrub_all(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub_all(item, secrets) for item in value]
    return scrub(value, secrets) if isinstance(value, str) else value


def scrub(text: str, secrets: list[str]) -> str:
    """Return text with each of the secret strings replaced; for output of other programs (tracebacks, logs)."""
    for secret in sorted({item for item in secrets if item}, key=len, reverse=True):
        text = text.replace(secret, PLACEHOLDER)
    return text

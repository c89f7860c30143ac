"""Keyword arguments beside those of the release's S3 class; flat and hashable, as STORAGE_KWARGS must be."""

from typing import Any, Dict, Optional

from . import signing

DEFAULTS = {
    "connect_timeout_seconds": 1.0,  # for a connection to S3
    "read_timeout_seconds": 1.5,  # for each answer on it
    "attempts": 2,  # requests for one operation
    "budget_seconds": 2.0,  # for one operation, all attempts and name resolution included
    "breaker_seconds": 30.0,  # S3 is left alone for so long after an outage was met
    "local_directory": None,  # folder for copies and spool, mode 0700, owned by the user of the processes; None: neither
    "local_max_bytes": 1024 * 1024 * 1024,  # of copies; the least recently used go
    "spool_max_bytes": 256 * 1024 * 1024,  # of objects that wait for S3, and what the copies give up beyond it
    "signing": signing.ACCEPT_UNSIGNED,  # one of signing.MODES
}  # type: Dict[str, Any]


def of(owner: type) -> Dict[str, Any]:
    """Return the defaults of the options that a storage class has."""
    return {name: value for name, value in DEFAULTS.items() if hasattr(owner, name)}


def problem(name: str, value: Any) -> Optional[str]:
    """Return what is wrong with a value, cause and remedy; None when it can work."""
    default = DEFAULTS[name]
    if name == "signing":
        works, remedy = value in signing.MODES, "give %s or %s" % (", ".join(signing.MODES[:-1]), signing.MODES[-1])
    elif default is None:
        works = value is None or (isinstance(value, str) and value.startswith("/"))
        remedy = "give an absolute path, or null for none"
    else:
        works = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
        remedy = "give a number above zero, such as %s" % default
    return None if works else "STORAGE_KWARGS['%s'] is %r. Remedy: %s." % (name, value, remedy)

"""What is said when something is not put back because somebody else has changed it since."""

from __future__ import annotations

from ..module_utils.common.findings import Finding


def not_ours(path: str) -> str:
    """Return what is said of a file that somebody else has changed since this run wrote it."""
    return str(
        Finding(
            "settings-not-ours",
            "warning",
            f"{path} is not as this run wrote it any more, so it is not put back: another program changed it meanwhile.",
            "see who did, and run openedx_operators.block_structure.deploy again.",
        )
    ).replace("\n", " ")

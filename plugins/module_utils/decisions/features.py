"""Feature flags of the platform that the operator's variables ask for, and whether the release reads them."""

from __future__ import annotations

from typing import Any

from ..common.errors import BlockStructureError
from ..common.findings import Finding
from .releases import Release

BLAKE2B = "ENABLE_BLAKE2B_HASHING"


def desired_features(variables: dict[str, Any], release: Release, findings: list[Finding]) -> dict[str, dict[str, bool]]:
    """Return settings outside of ours, {dictionary: {key: value}}; one that the release ignores is an error or a finding."""
    variable = "block_structure_blake2b_hashing"
    wanted = variables[variable]
    if wanted is None:
        return {}
    if release.blake2b_feature:
        return {"FEATURES": {BLAKE2B: bool(wanted)}}
    if wanted and release.cache_key_hash != "blake2b":
        raise BlockStructureError(
            "blake2b-not-read",
            f"{variable} is true, and {release.name} does not read FEATURES.ENABLE_BLAKE2B_HASHING: it hashes with md4.",
            f"remove {variable}, and give the OpenSSL of the LMS hosts its legacy provider if it has no md4.",
            variable,
        )
    findings.append(
        Finding(
            "blake2b-not-read",
            "warning",
            f"{variable} has no effect: {release.name} always hashes long cache keys with {release.cache_key_hash}.",
            f"remove {variable}.",
            variable,
        )
    )
    return {}

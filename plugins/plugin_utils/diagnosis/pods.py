"""Kubernetes: whether a pod that still starts gets learners."""

from __future__ import annotations

from ...module_utils.common.findings import Finding
from .snapshot import Snapshot


def find(snapshot: Snapshot) -> list[Finding]:
    """Return a finding for deployments without a readiness probe: Tutor renders none (seen in 15 to 22)."""
    if not snapshot.without_readiness:
        return []
    names = " and ".join(snapshot.without_readiness)
    return [
        Finding(
            "pods-without-readiness",
            "info",
            f"The deployments of {names} have no readiness probe: a rolling update, as each deploy causes one, sends learners "
            "to pods that still start.",
            "enable Tutor's plugin of docs/tutor-plugins/readiness.yml, then run `tutor config save` and `tutor k8s start`.",
            evidence=list(snapshot.without_readiness),
            cost="failed requests in each rolling update, for as long as a pod starts",
        )
    ]

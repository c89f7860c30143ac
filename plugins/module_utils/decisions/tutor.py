"""Differences of a release under Tutor, and whether the Tutor of a host fits the release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..common.errors import BlockStructureError
from .releases import Release
from .runtime import COLLECTOR_VARIABLE, KEYS_VARIABLE

_CONTEXT = "block_structure_tutor_kube_context"
# Memcached variables that apply to any cache, and may be set without a memcached.
_ANY_CACHE = ("block_structure_memcached_other_tenants_mb", "block_structure_memcached_growth_percent")
# Tutor's settings name this class for every alias from 11.0.0 on (its templates/apps/openedx/settings/partials/common_all.py).
_REDIS: dict[str, Any] = {
    "cache_client": "django-redis",
    # Redis accepts values up to 512 MB (reference of SET); no structure comes near.
    "client_item_limit_bytes": None,
}


def installed(release: Release) -> Release:
    """Return a release as Tutor installs it: with Redis as cache where Tutor ships it."""
    return replace(release, **_REDIS) if release.tutor_cache == "redis" else release


def major(version: str) -> int | None:
    """Return the major number of a version such as 20.0.5 or 20.0.5-nightly, None when there is none."""
    first = version.strip().split(".")[0]
    return int(first) if first.isdigit() else None


def check_version(installed: str, rendered: str, release: Release | None, majors: dict[str, int | None]) -> None:
    """Raise BlockStructureError unless this Tutor installs the release and has rendered the environment.

    release: None while it is not known; then only the environment is checked.
    installed: output of `tutor --version`. rendered: env/version, empty when nothing was rendered yet.
    majors: {release name: Tutor major} of the release table, to name the release that is installed.
    """
    found = major(installed)
    if release and release.tutor_major is not None and found != release.tutor_major:
        named = ", ".join(name for name, number in majors.items() if number == found) or "no release that this role knows"
        raise BlockStructureError(
            "tutor-differs",
            f"block_structure_release is '{release.name}', which Tutor {release.tutor_major} installs, and this host has "
            f"Tutor {installed}, which installs {named}.",
            "name the installed release, or correct block_structure_tutor_command.",
            "block_structure_release",
        )
    if not rendered:
        raise BlockStructureError(
            "tutor-not-saved",
            "Tutor has no rendered environment on this host.",
            "launch the site with Tutor first, or correct block_structure_tutor_root and block_structure_tutor_user.",
            "block_structure_tutor_root",
        )
    if major(rendered) != found:
        raise BlockStructureError(
            "tutor-upgrade-pending",
            f"Tutor {installed} is installed, but the environment on this host was rendered by Tutor {rendered.strip()}.",
            "finish Tutor's own upgrade (`tutor local launch` or `tutor k8s launch`), then run again.",
        )


def check_context(named: str | None, current: str | None, contexts: list[str]) -> None:
    """Raise BlockStructureError unless it is certain which cluster Tutor talks to: it always uses kubectl's current context.

    named: the inventory's context. current: kubectl's, None without any, as in a pod. contexts: those of the kubeconfig.
    """
    if named and named != current:
        shown = f"'{current}'" if current else "not set"
        raise BlockStructureError(
            "kube-context-differs",
            f"{_CONTEXT} is '{named}', and kubectl's current context, which Tutor uses, is {shown}.",
            f"run `kubectl config use-context {named}` as the user who runs tutor, or correct {_CONTEXT}.",
            _CONTEXT,
        )
    if not named and len(contexts) > 1:
        raise BlockStructureError(
            "kube-context-ambiguous",
            f"The kubeconfig has {len(contexts)} contexts ({', '.join(contexts)}), and {_CONTEXT} is not set.",
            f"set it to the context of this site's cluster; the current one is {current or 'not set'}.",
            _CONTEXT,
        )


def unreachable_api(problem: str, context: str | None) -> BlockStructureError:
    """Return the error for an API server of Kubernetes that does not answer. problem: kubectl's last line."""
    of = f" of the context {context}" if context else ""
    return BlockStructureError(
        "kube-api-unreachable",
        f"The Kubernetes API{of} does not answer: {problem}",
        "check the network or VPN to the cluster, and renew the login of the kubeconfig; `kubectl get --raw /readyz` says when "
        "it answers.",
        _CONTEXT,
    )


def check_runtime(release: Release, manage_settings: bool) -> None:
    """Raise BlockStructureError `runtime-platform` unless the runtime package can be used on a site of this Tutor.

    Our settings bring it and hook into uWSGI: Tutor uses uWSGI from version 11 on, with Python 3.8; gunicorn before.
    """
    if tuple(int(part) for part in release.python.split(".")) < (3, 7):
        site = f"Tutor {release.tutor_major} ({release.name})" if release.tutor_major else f"Tutor ({release.name})"
        raise BlockStructureError(
            "runtime-platform",
            f"A runtime for the LMS's workers is requested, and {site} serves by gunicorn, configured in the image.",
            f"remove {COLLECTOR_VARIABLE} and {KEYS_VARIABLE}.",
            COLLECTOR_VARIABLE,
        )
    if not manage_settings:
        raise BlockStructureError(
            "runtime-platform",
            "A runtime for the LMS's workers is requested, which on Tutor is part of the settings, and "
            "block_structure_manage_settings is off.",
            f"turn it on, or remove {COLLECTOR_VARIABLE} and {KEYS_VARIABLE}.",
            COLLECTOR_VARIABLE,
        )


def check_memcached(release: Release, hosts: list[str], changed: list[str]) -> list[BlockStructureError]:
    """Return an error for each part of the inventory that sizes a memcached which a site of this Tutor does not use.

    hosts: of the group block_structure_memcached. changed: variables of memcached that are not at their defaults.
    """
    shipped = "Redis" if release.tutor_cache == "redis" else "a memcached in its own container"
    site = f"Tutor {release.tutor_major} ({release.name})" if release.tutor_major else f"Tutor ({release.name})"
    remedy = (
        "remove it; size Redis with Tutor's patch redis-conf (docs/tutor.md)."
        if release.tutor_cache == "redis"
        else "remove it; that container keeps memcached's defaults (docs/tutor.md)."
    )
    what = (
        [(f"The group block_structure_memcached has {', '.join(hosts)}", "block_structure_manage_memcached")] if hosts else []
    )
    what += [(f"{name} is set", name) for name in changed]
    return [
        BlockStructureError(
            "memcached-not-used",
            f"{subject}, and the cache of {site} is {shipped}, to which it does not apply.",
            remedy,
            variable,
        )
        for subject, variable in what
    ]


def check_memcached_variables(
    variables: dict[str, Any], release: Release, defaults: dict[str, Any], hosts: list[str]
) -> list[BlockStructureError]:
    """Return errors for memcached settings on a platform that does not use those servers."""
    names = [name for name in variables if name.startswith("block_structure_memcached_") and name not in _ANY_CACHE]
    changed = [name for name in sorted(names) if name in defaults and variables[name] != defaults[name]]
    return check_memcached(release, hosts if variables["block_structure_manage_memcached"] else [], changed)

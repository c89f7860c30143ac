"""Switches and the configuration row, changed through the ORM, which clears the caches of both as the admin does."""

from __future__ import absolute_import

from ..engine import edxapp, facts


def configure(operation, _release):
    """Insert a configuration row when the active one differs; the table is append-only and the newest row wins."""
    from openedx.core.djangoapps.content.block_structure.config.models import BlockStructureConfiguration

    edxapp.forget_request()
    wanted = operation["row"]
    before = facts.configuration_row()
    changed = any(before[name] != value for name, value in wanted.items())
    if changed:
        BlockStructureConfiguration(enabled=True, **wanted).save()
        edxapp.forget_request()
    return {"changed": changed, "before": before, "after": facts.configuration_row()}


def switches(operation, release):
    """Set switches to on, off, or absent (None); returns all switches before and after."""
    from waffle.models import Switch

    before = facts.switches(release)
    for name, wanted in sorted(operation["set"].items()):
        if wanted is None:
            for switch in Switch.objects.filter(name=name):
                switch.delete()
            continue
        switch, _ = Switch.objects.get_or_create(name=name, defaults={"active": wanted})
        if switch.active != wanted:
            switch.active = wanted
            switch.save()
    edxapp.forget_request()
    return {"before": before, "after": facts.switches(release)}

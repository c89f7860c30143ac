"""What the tests of a Tutor site share: the real Tutor of the host, and what the site says of itself."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest
from testinfra.host import Host


@dataclass(frozen=True)
class TutorSite:
    """A site that Tutor installed on the LMS host. release: its row of the release table."""

    lms: Host
    platform: str
    release: dict[str, Any]
    plugin: str = "/home/tutor/.local/share/tutor-plugins/block_structure.yml"
    environment: str = "/home/tutor/.local/share/tutor/env"

    def tutor(self, *text: str) -> str:
        """Return what the real Tutor answers its user."""
        return self.lms.check_output("runuser --login tutor --command 'exec tutor \"$@\"' -- sh " + " ".join(text)).strip()

    def manage(self, system: str, *text: str) -> str:
        """Run a command of a system's manage.py in its container, on the settings that its service has."""
        engine = {
            "tutor_local": f"docker compose --project-name tutor_local exec -T {system}",
            "tutor_k8s": f"kubectl exec --stdin --namespace=openedx deployment/{system} --",
        }[self.platform]
        given = f"DJANGO_SETTINGS_MODULE={system}.envs.tutor.production"
        command = f"{engine} env {given} ./manage.py {system} {' '.join(text)}"
        return self.lms.check_output("runuser --login tutor --command %s", command)

    def set_redis(self, **options: str) -> None:
        """Change options of the running Redis, as redis.conf would have set them."""
        for name, value in options.items():
            assert self.lms.check_output("redis-cli config set %s %s", name.replace("_", "-"), value) == "OK"

    def state(self) -> tuple[str, str, str]:
        """Return what must be as before after a refusal: plugin, rendered settings, when the LMS was started."""
        sums = f"sha256sum {self.plugin} {self.environment}/apps/openedx/settings/*/production.py"
        return (
            self.lms.check_output(sums),
            self.tutor("config", "printvalue", "PLUGINS"),
            self.lms.check_output("supervisorctl pid lms"),
        )


@pytest.fixture(scope="session")
def site(lms: Host, release: dict[str, Any]) -> TutorSite:
    """The site; its Redis as Tutor's own redis.conf makes it, 4 GB and allkeys-lru."""
    made = TutorSite(lms, os.environ["BLOCK_STRUCTURE_SANDBOX_PLATFORM"], release)
    made.set_redis(maxmemory="4gb", maxmemory_policy="allkeys-lru")
    return made


@pytest.fixture(scope="session")
def verify(playbooks, tmp_path_factory):
    """Return a function that runs playbooks/verify.yml and returns block_structure_result."""

    def run(*arguments: str) -> dict[str, Any]:
        path = tmp_path_factory.mktemp("verify") / "result.json"
        ended = playbooks.run("verify", "-e", f"block_structure_report_path={path}", *arguments)
        assert ended.exit_code == 0, ended.output
        assert ended.changed == []
        report: dict[str, Any] = json.loads(path.read_text())
        return report

    return run


def wrong(report: dict[str, Any]) -> dict[str, str]:
    """Return {id: message} of what is wrong."""
    return {finding["id"]: finding["message"] for finding in report["findings"] if finding["severity"] != "info"}


@pytest.fixture(scope="session")
def findings():
    """What is wrong with a site, by the id of the finding."""
    return wrong


def text(ended: Any) -> str:
    """Return the output of a playbook on one line."""
    return " ".join(ended.output.split())


@pytest.fixture(scope="session")
def message():
    """The output of a playbook on one line."""
    return text

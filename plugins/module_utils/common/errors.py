"""The only error that this project raises on purpose: a finding that stops the run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator

from .findings import Finding

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class BlockStructureError(Exception):
    """A problem that the operator can fix. It carries the finding with cause and remedy."""

    def __init__(self, identifier: str, cause: str, remedy: str, variable: str | None = None) -> None:
        super().__init__(cause)
        self.finding = Finding(identifier, "error", cause, remedy, variable)

    @property
    def identifier(self) -> str:
        """The stable name of the finding."""
        return self.finding.identifier

    @property
    def cause(self) -> str:
        """The cause, on one line."""
        return self.finding.cause

    @property
    def remedy(self) -> str:
        """The remedy, on one line."""
        return self.finding.remedy

    @property
    def variable(self) -> str | None:
        """The public variable to check, if there is one."""
        return self.finding.variable

    def __str__(self) -> str:
        return str(self.finding)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as data."""
        return self.finding.as_dict()


@contextmanager
def as_failures(module: AnsibleModule, **result: Any) -> Iterator[None]:
    """Turn a BlockStructureError of the body into a failure of the module; result: further keys that the failure returns."""
    try:
        yield
    except BlockStructureError as error:
        module.fail_json(msg=str(error), error=error.as_dict(), **result)

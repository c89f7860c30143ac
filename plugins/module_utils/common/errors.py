"""The one kind of error that this project raises on purpose."""

from __future__ import annotations


class BlockStructureError(Exception):
    """Something is wrong that the operator can mend: one line of cause, one line of remedy.

    `identifier` is a stable kebab-case name for machines; `variable` the public variable to look at, if there is one.
    """

    def __init__(self, identifier: str, cause: str, remedy: str, variable: str | None = None) -> None:
        super().__init__(cause)
        self.identifier = identifier
        self.cause = cause
        self.remedy = remedy
        self.variable = variable

    def __str__(self) -> str:
        return f"{self.cause}\nRemedy: {self.remedy}"

    def as_dict(self) -> dict[str, str | None]:
        """Return the error as data; `message` is what an operator reads."""
        return {
            "id": self.identifier,
            "severity": "error",
            "cause": self.cause,
            "remedy": self.remedy,
            "variable": self.variable,
            "message": str(self),
        }

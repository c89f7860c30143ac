"""Print what a playbook found, and hand its outcome on as set_stats does."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

from ..module_utils.common.findings import two_lines
from ..plugin_utils.reports import layout, outcome, screen

NAME = "block_structure_outcome"
# Style of a line -> Ansible's own colour, which its owner may have changed.
_COLOURS = {
    "error": "COLOR_ERROR",
    "warning": "COLOR_WARN",
    "info": "COLOR_HIGHLIGHT",
    "good": "COLOR_OK",
    "strong": "COLOR_HIGHLIGHT",
}


class ActionModule(ActionBase):
    """`conclude`: operation, report, attention, report_path; it runs once for the site.

    Prints the lines that the command prints. Returns outcome, and msg: why the play must fail, empty if it need not.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print, and return the outcome."""
        result = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "operation": {"type": "str", "required": True},
                "report": {"type": "dict", "required": True},
                "attention": {"type": "list", "elements": "str", "default": ["error"]},
                "report_path": {"type": "path"},
            }
        )
        report = args["report"]
        of_site = "findings" in report
        made = (
            outcome.of_site(args["operation"], report, args["attention"])
            if of_site
            else outcome.of_run(args["operation"], report)
        )
        self._print(report, of_site)
        made["report_path"] = args["report_path"]
        failing = of_site and made["exit_code"]
        message = two_lines(made["verdict"], "do what is printed above for each finding.") if failing else ""
        stats = {"data": {NAME: made}, "per_host": False, "aggregate": False}
        return {**result, "changed": False, "outcome": made, "msg": message, "ansible_stats": stats}

    def _print(self, report: dict[str, Any], of_site: bool) -> None:
        everything = self._display.verbosity > 0
        medium = layout.Medium(self._display.columns, more="ansible-playbook -v")
        lines = (
            screen.site(report, medium, everything=everything)
            if of_site
            else [line for text in outcome.lines_of_run(report) for line in layout.sentence(text, medium, rest=layout.INDENT)]
        )
        above = ""
        for text, style in lines:
            if text:
                colour = _COLOURS.get(style)
                self._display.display(above + text, color=getattr(constants, colour) if colour else None)
            # ansible-runner drops an empty line of its own, so it goes with the next one.
            above = "" if text else above + "\n"

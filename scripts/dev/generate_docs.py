"""Write the generated parts of the documents from their sources; `--check` reports outdated ones.

README.md, docs/releases.md: the tables of releases come from roles/block_structure/vars/releases.yml; the combinations that are
refused or reported come from scripts/dev/combinations.yml, and the messages from the role's own validation.
docs/variables.md: roles/block_structure/meta/argument_specs.yml, entry point `main`.
docs/diagnose.md: the catalogue of plugins/plugin_utils/diagnosis.
docs/command.md: commands, their help and exit codes, from scripts/block_structure_cli.
docs/report.md, docs/runtime.md: figures measured on a sandbox, from docs/examples.
Markers of a generated part: see scripts/dev/lib/pages.py.

Exit codes: 0 written or current, 1 not current (with --check), 2 a document lacks a marker.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import messages
import yaml
from block_structure.module_utils.decisions import desired
from block_structure.plugin_utils import role_variables
from block_structure.plugin_utils.diagnosis import catalogue
from block_structure_cli import charts, collector, exits
from block_structure_cli.main import main as command_line
from lib import pages

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "block_structure"


def _default(option: dict[str, Any]) -> str:
    value = option.get("default")
    if value is None:
        return "unset"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# The entry point whose options are the variables of a site.
SITE = "main"


def _variable_rows(options: dict[str, Any], within: str = "") -> list[list[str]]:
    """Return one row per option in order, followed by one row per key if it is a dictionary."""
    rows = []
    for name, option in options.items():
        description = option["description"]
        # Ansible's C(…) and its kin.
        text = re.sub(r"\b[A-Z]\(([^)]+)\)", r"`\1`", " ".join(description) if isinstance(description, list) else description)
        kind = option["type"] + (" of " + option["elements"] if "elements" in option else "")
        if "choices" in option:
            text += " Choices: " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        keys = option.get("options", {})
        rows.append([f"`{within}{name}`", kind, "its keys" if keys else _default(option), text])
        rows += _variable_rows(keys, f"{name}.")
    return rows


def variable_table() -> str:
    """Return the variables of a site, then the arguments of each verb, from the argument specification."""
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    parts = []
    for entry, verb in spec.items():
        if not verb["options"]:
            continue
        if entry != SITE:
            parts.append(f"## Arguments of playbooks/{entry.rpartition('/')[2]}.yml")
        parts.append(pages.table(("variable", "type", "default", "meaning"), _variable_rows(verb["options"])))
    return "\n\n".join(parts)


def _cached(row: dict[str, Any]) -> str:
    """Return the largest structure that a stock site of a release caches, and the source of that limit."""
    limits = {"the client": row["client_item_limit_bytes"], "the platform": row["cache_cap_bytes"]}
    report = [f"{limit // 1024 // 1024} MiB ({whose})" for whose, limit in limits.items() if limit]
    return ", ".join(report) or "memcached's `-I`"


def _releases() -> dict[str, dict[str, Any]]:
    """Return the rows of the release table by name, the oldest release first."""
    variables: dict[str, dict[str, Any]] = yaml.safe_load((ROLE / "vars" / "releases.yml").read_text())
    return variables["__block_structure_releases"]


def _title(name: str, row: dict[str, Any]) -> str:
    """Return the display name of a release; `main` is not a named release."""
    return name.capitalize() if name in row["branch"] else name


def release_summary() -> str:
    """Return one row per range of releases that behave alike, for the README."""
    groups: list[tuple[tuple[str, ...], list[str]]] = []
    for name, row in _releases().items():
        title = f"**{_title(name, row)}**" if row["support"] == "tested" else _title(name, row)
        behaviour = (
            row["config_format"].upper(),
            "always on" if not row["storage_switch"] else "on by a switch",
            _cached(row),
            # No Tutor installs main, so it is listed with the release before it.
            row["tutor_cache"] or groups[-1][0][-1],
        )
        if not groups or groups[-1][0] != behaviour:
            groups.append((behaviour, []))
        groups[-1][1].append(title)
    rows = [(", ".join(names), *behaviour) for behaviour, names in groups]
    columns = ("releases", "settings file", "storage is", "largest structure cached, limit of", "cache on Tutor")
    return pages.table(columns, rows)


def release_matrix() -> str:
    """Return one row per release with its columns of the release table."""
    columns = (
        "release",
        "support",
        "Django",
        "settings",
        "switches",
        "storage is on by",
        "`--with_storage`",
        "cache client",
        "cached up to, by",
        "long keys",
        "storage class",
        "other kwargs",
        "Tutor, its cache",
    )
    rows = [
        (
            _title(name, row),
            row["support"],
            row["django"],
            row["config_format"].upper(),
            str(len(row["switches"])),
            "switch" if row["storage_switch"] else "always",
            "yes" if row["with_storage_option"] else "no",
            row["cache_client"],
            _cached(row),
            row["cache_key_hash"] + (" or blake2b" if row["blake2b_feature"] else ""),
            f"`{row['storage_class'].rpartition('.')[2]}`",
            row["unknown_kwargs"],
            f"{row['tutor_major']}, {row['tutor_cache']}" if row["tutor_major"] else "-",
        )
        for name, row in _releases().items()
    ]
    return pages.table(columns, rows)


def finding_table() -> str:
    """Return one row per finding of verify and diagnose, each with an anchor for the links of the report."""
    rows = [
        [f'<a id="{name}"></a>`{name}`', entry.subject, " or ".join(entry.severities), entry.meaning, entry.asked]
        for name, entry in catalogue.CATALOGUE.items()
    ]
    return pages.table(("finding", "subject", "severity", "message", "source"), rows)


def combination_table() -> str:
    """Return one row per combination of scripts/dev/combinations.yml, with the message of the role's validation."""
    table = _releases()
    site = {**role_variables.defaults(), "block_structure_storage_bucket": "example-bucket"}
    rows = []
    for title, entry in yaml.safe_load((ROOT / "scripts" / "dev" / "combinations.yml").read_text()).items():
        message = desired.resolve(
            {**site, **entry["variables"]},
            table,
            platforms=role_variables.platforms(),
            defaults=role_variables.defaults(),
            memcached_hosts=[entry["memcached"]] if "memcached" in entry else [],
        )
        report = [error.finding for error in message.errors] or message.findings
        rows.append([title, "refused" if message.errors else "warning", report[0].cause])
    return pages.table(("combination", "outcome", "message"), rows)


def story_table() -> str:
    """Return one row per step of the story, as measured on a sandbox (scripts/dev/story)."""
    report = json.loads((ROOT / "docs" / "examples" / "story.json").read_text())
    rows = [
        [step["when"], step["what"], charts.seconds(step["ms"]) if step["ms"] else "-", step["says"]]
        for step in report["steps"]
    ]
    return pages.table(("", f"{report['course']}, {report['blocks']:,} blocks", "a learner waits", "conclusion"), rows)


def collector_tables() -> str:
    """Return the tables of scripts/dev/bench-runtime, as measured on a sandbox; without a measurement, how to make one."""
    example = ROOT / "docs" / "examples" / "collector.json"
    if not example.exists():
        return "Not measured yet: run `make bench-runtime`, `python scripts/dev/examples.py` and `make docs`."
    measured = json.loads(example.read_text())
    shown = (collector.pages(measured), collector.workers(measured))
    return "\n\n".join(pages.table([column.heading for column in table.columns], table.cells()) for table in shown)


def message_table() -> str:
    """One row per message of the catalogue."""
    rows = [
        [f"`{entry.identifier}`", entry.severity, entry.cause, entry.remedy, f"`{entry.variable}`" if entry.variable else "-"]
        for entry in messages.collect(ROOT)
    ]
    return pages.table(("message", "severity", "cause", "remedy", "variable"), rows)


def command_table() -> str:
    """Return one row per command: what it does, and whether it changes the site."""
    context = click.Context(command_line)
    commands = {name: command_line.get_command(context, name) for name in command_line.list_commands(context)}
    rows = [[f"`{name}`", command.get_short_help_str(200)] for name, command in commands.items() if command]
    return pages.table(("command", "what it does"), rows)


def exit_table() -> str:
    """Return one row per exit code of the command line."""
    return pages.table(("code", "", "meaning"), [[code.number, code.name, code.meaning] for code in exits.CODES])


def command_help() -> str:
    """Return the help of each command."""
    parts = []
    group = click.Context(command_line, info_name="block-structure", terminal_width=78, **command_line.context_settings)
    for name in command_line.list_commands(group):
        command = command_line.get_command(group, name)
        if command:
            text = command.get_help(click.Context(command, group, name, terminal_width=78))
            parts.append(f"### {name}\n\n```\n{text.strip()}\n```")
    return "\n\n".join(parts)


def refusal_table() -> str:
    """Return one row per refusal of the command line."""
    codes = {code.name: code.number for code in exits.CODES}
    rows = [[codes[entry.code.lower()], entry.cause, entry.remedy] for entry in messages.refusals(ROOT)]
    return pages.table(("code", "cause", "remedy"), rows)


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"releases": release_summary},
    "docs/command.md": {"commands": command_table, "exits": exit_table, "refusals": refusal_table, "help": command_help},
    "docs/diagnose.md": {"findings": finding_table},
    "docs/releases.md": {"releases": release_matrix, "combinations": combination_table},
    "docs/messages.md": {"messages": message_table},
    "docs/report.md": {"story": story_table},
    "docs/runtime.md": {"collector": collector_tables},
    "docs/variables.md": {"variables": variable_table},
}


def render(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """Return a document with each generated part replaced. Raises LookupError with the name of a part without markers."""
    for name, make in parts.items():
        text = pages.put(text, name, make())
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a document is outdated")
    arguments = parser.parse_args()
    outdated = []
    for name, parts in PAGES.items():
        page = ROOT / name
        current = page.read_text()
        try:
            wanted = render(current, parts)
        except LookupError as part:
            print(pages.missing(name, part), file=sys.stderr)
            return 2
        if wanted != current:
            outdated.append(name)
            if not arguments.check:
                page.write_text(wanted)
    if arguments.check and outdated:
        print(
            f"Outdated generated parts in: {', '.join(outdated)}.\nRemedy: run `make docs` and commit the result.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

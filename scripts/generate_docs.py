"""Write the generated parts of README.md from their sources; `--check` says whether they are current.

The variable table comes from roles/block_structure/meta/argument_specs.yml (entry point `main`), the release matrix from
roles/block_structure/vars/releases.yml. Each stands between `<!-- generated:NAME -->` and `<!-- /generated:NAME -->`.

Exit codes: 0 written or current, 1 not current (with --check), 2 the README lacks a marker.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROLE = ROOT / "roles" / "block_structure"
README = ROOT / "README.md"


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _default(option: dict[str, Any]) -> str:
    value = option.get("default")
    if value is None:
        return "unset"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def variable_table() -> str:
    """One row per public variable, in the order of the argument specification."""
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    lines = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    for name, option in spec["argument_specs"]["main"]["options"].items():
        description = option["description"]
        text = " ".join(description) if isinstance(description, list) else description
        kind = option["type"] + (" of " + option["elements"] if "elements" in option else "")
        if "choices" in option:
            text += " Choices: " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        lines.append(f"| `{name}` | {kind} | {_cell(_default(option))} | {_cell(text)} |")
    return "\n".join(lines)


def release_matrix() -> str:
    """One row per release: what the role does there."""
    table = yaml.safe_load((ROLE / "vars" / "releases.yml").read_text())["__block_structure_releases"]
    lines = [
        "| release | support | storage is on by | `--with_storage` | cache client | cached below | storage class |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in table.items():
        cap = f"{row['cache_cap_bytes'] // 1024 // 1024} MiB" if row["cache_cap_bytes"] else "none"
        lines.append(
            f"| {name.capitalize() if name != 'main' else name} | {row['support'].replace('_', ' ')} "
            f"| {'switch' if row['storage_switch'] else 'always'} | {'yes' if row['with_storage_option'] else 'no'} "
            f"| {row['cache_client']} | {cap} | `{row['storage_class']}` |"
        )
    return "\n".join(lines)


def render(text: str) -> str:
    """Return the README with each generated part replaced."""
    for name, content in (("variables", variable_table()), ("releases", release_matrix())):
        pattern = re.compile(rf"(<!-- generated:{name} -->\n).*?(<!-- /generated:{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise LookupError(name)
        text = pattern.sub(lambda match, body=content: f"{match[1]}{body}\n{match[2]}", text)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when README.md is not current")
    arguments = parser.parse_args()
    current = README.read_text()
    try:
        wanted = render(current)
    except LookupError as missing:
        print(f"README.md has no generated part named {missing}.\nRemedy: put its two markers back.", file=sys.stderr)
        return 2
    if arguments.check and wanted != current:
        print("README.md is not what its sources say.\nRemedy: run `make docs` and commit the result.", file=sys.stderr)
        return 1
    if not arguments.check:
        README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())

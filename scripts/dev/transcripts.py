"""Write docs/tutor-transcript.md from what the scenario tutor_engine typed and read (.cache/transcripts)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib import pages

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache" / "transcripts"
PAGE = ROOT / "docs" / "tutor-transcript.md"
WAYS = ("plugin", "role")


def typed(commands: list[dict[str, str]]) -> str:
    """Return commands with what they printed, as a terminal shows them."""
    lines = []
    for command in commands:
        first, *rest = command["typed"].split("\n")
        lines += [f"$ {first}", *rest, *command["printed"].splitlines()]
    return "\n".join(["```", *(line.rstrip() for line in lines), "```"])


def body(kept: dict[str, Any]) -> str:
    """Return one transcript as Markdown."""
    proof = (
        f"Before the first command and after the last one `config.yml` had the SHA-256 `{kept['config']}`, and each of the "
        f"{kept['files']} files of `env` its own of before. ({kept['tutor']}, docker {kept['engine']}.)"
    )
    count = f"{len(kept['cure'])} commands:"
    return "\n\n".join([count, typed(kept["cure"]), "Undone again:", typed(kept["undo"]), proof])


def main() -> int:
    """Replace both transcripts between their markers."""
    missing = [way for way in WAYS if not (KEPT / f"{way}.json").exists()]
    if missing:
        print(
            f"{KEPT} has no transcript of: {', '.join(missing)}.\n"
            "Remedy: run `make transcripts`, which runs the scenario tutor_engine first.",
            file=sys.stderr,
        )
        return 1
    for way in WAYS:
        pages.write(PAGE, way, body(json.loads((KEPT / f"{way}.json").read_text())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

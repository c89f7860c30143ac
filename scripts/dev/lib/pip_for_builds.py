"""Print a pip.conf for image builds: the host's own pip configuration, less what a container cannot see.

Addresses of other machines and the time-out are kept; folders, `file:` addresses and certificate paths are dropped
(the certificates travel as a file of their own). The host's configuration may stand in files and in the environment:
pip itself is asked for both.
"""

from __future__ import annotations

import ast
import subprocess
import sys

ADDRESSES = ("index-url", "extra-index-url", "find-links", "proxy")
OTHERS = ("default-timeout", "timeout", "retries", "trusted-host")


def main() -> int:
    """Ask pip for its configuration in force and print the part that a container can use."""
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True).stdout
    kept: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, quoted = line.partition("=")
        key = name.rpartition(".")[2]
        value = str(ast.literal_eval(quoted))
        if key in ADDRESSES:
            value = " ".join(word for word in value.split() if word.startswith(("http://", "https://", "socks")))
        elif key not in OTHERS:
            continue
        if value:
            kept[key] = value
    print("[global]")
    for key, value in sorted(kept.items()):
        print(f"{key} = {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

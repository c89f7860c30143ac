"""Print a pip.conf for image builds: the host's pip configuration without what a container cannot use.

Keeps URLs of other machines and timeouts; drops directories, `file:` URLs and certificate paths (the certificates are passed
as a separate file). `pip config list` reads the host's configuration from files and the environment.
"""

from __future__ import annotations

import ast
import subprocess
import sys

ADDRESSES = ("index-url", "extra-index-url", "find-links", "proxy")
OTHERS = ("default-timeout", "timeout", "retries", "trusted-host")


def main() -> int:
    """Print the part of pip's effective configuration that a container can use."""
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

"""Ceph with its S3 API (RGW) on loopback, by Debian's packages: one monitor, one OSD in memory, one gateway.

Usage: python3 serve_ceph.py FOLDER PORT: everything below FOLDER, the gateway on PORT, the monitor on the port behind it. Runs
until it is ended.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid

# The owner of the buckets, and an LMS with an identity of its own.
OWNER, ACCESS_KEY = "operator", "AKIAIOSFODNN7EXAMPLE"
LMS, LMS_ACCESS_KEY = "lms", "AKIAI44QH8DHBEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CONFIGURATION = """[global]
fsid = {fsid}
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
crash dir = {folder}/run
mon host = [v1:127.0.0.1:{monitor}]
ms bind msgr2 = false
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
mon max pg per osd = 1000
[mon.a]
mon data = {folder}/mon
host = localhost
mon cluster log file = {folder}/log/cluster.log
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd crush update on start = false
osd class update on start = false
osd max object name len = 1024
public addr = 127.0.0.1
cluster addr = 127.0.0.1
[client.rgw.a]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw trust forwarded https = true
"""


def run(*command):
    """Run a command to its end; raise what it says if it fails."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=90)


class Cluster:
    """The daemons, each a child of this process."""

    def __init__(self, folder, port):
        self.folder, self.children = folder, []
        for name in ("run", "log", "mon", "osd", "rgw"):
            (folder / name).mkdir()
        self.configuration = str(folder / "ceph.conf")
        self.monitor, self.fsid = port + 1, str(uuid.uuid4())
        (folder / "ceph.conf").write_text(CONFIGURATION.format(fsid=self.fsid, folder=folder, port=port, monitor=self.monitor))

    def start(self, *command):
        """Start a daemon that stays in the foreground."""
        self.children.append(subprocess.Popen([*command, "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def up(self):
        """Make the cluster and start it; the gateway's user comes last, when the cluster serves objects."""
        common = ("-c", self.configuration)
        keyring, monmap = str(self.folder / "keyring"), str(self.folder / "monmap")
        run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        address = f"[v1:127.0.0.1:{self.monitor}]"
        run("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a", address, monmap)
        run("ceph-mon", *common, "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self.start("ceph-mon", *common, "-i", "a")
        osd = str(uuid.uuid4())
        run("ceph", *common, "--connect-timeout", "60", "osd", "new", osd)
        run("ceph-osd", *common, "-i", "0", "--mkfs", "--osd-uuid", osd)
        run("ceph", *common, "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        self.start("ceph-osd", *common, "-i", "0")
        for name, key in ((OWNER, ACCESS_KEY), (LMS, LMS_ACCESS_KEY)):
            user = (
                "user",
                "create",
                f"--uid={name}",
                f"--display-name={name}",
                f"--access-key={key}",
                f"--secret-key={SECRET}",
            )
            run("radosgw-admin", *common, "-n", "client.rgw.a", *user)
        self.start("radosgw", *common, "-n", "client.rgw.a")

    def down(self):
        """End the daemons, the gateway first; nothing in memory is worth an orderly end of more than a few seconds."""
        for child in reversed(self.children):
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def main():
    """Start the cluster, and end it with this process."""
    cluster = Cluster(pathlib.Path(sys.argv[1]), int(sys.argv[2]))

    def end(_number, _frame):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    try:
        cluster.up()
        while all(child.poll() is None for child in cluster.children):
            time.sleep(0.5)
    finally:
        cluster.down()


if __name__ == "__main__":
    os.environ.pop("CEPH_ARGS", None)
    main()

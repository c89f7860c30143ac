"""OpenStack Swift with its S3 API on loopback, by Debian's python3-swift; run by the system's Python.

Usage: python3 serve_swift.py FOLDER PORT MEMCACHED_PORT: ring files, one device and four servers below FOLDER, the proxy on
PORT, the others on the three ports behind it. Runs until it is ended.
"""

import pathlib
import signal
import subprocess
import sys

# Access key: account and user. The documentation's secret of AWS.
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KINDS = ("object", "container", "account")
PIPELINE = (
    "catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink "
    "proxy-server"
)
FILTERS = {
    "s3api": "s3_acl = false\ndns_compliant_bucket_names = true\nlocation = us-east-1",
    "tempauth": f"user_example_operator = {SECRET} .admin\nuser_elsewhere_other = {SECRET} .admin",
    "versioned_writes": "allow_object_versioning = true",
}
COMMON = "bind_ip = 127.0.0.1\nworkers = 0\nlog_address = /dev/null\nlog_level = ERROR\nswift_dir = {folder}\n"
SERVER = """[DEFAULT]
{common}bind_port = {port}
devices = {folder}/node
mount_check = false
disable_fallocate = true
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def rings(folder, ports):
    """Write a ring of one device for each kind of server."""
    from swift.common.ring import RingBuilder  # noqa: PLC0415 - whoever reads SECRET has no Swift

    for kind, port in ports.items():
        builder = RingBuilder(4, 1, 0)
        device = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1.0}
        builder.add_dev(dict(device, replication_ip="127.0.0.1", replication_port=port, meta=""))
        builder.rebalance()
        builder.get_ring().save(str(folder / (kind + ".ring.gz")))


def configure(folder, port, memcached):
    """Write every configuration file; return {kind of server: its file}."""
    ports = {kind: port + 1 + number for number, kind in enumerate(KINDS)}
    (folder / "node" / "d1").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = example\nswift_hash_path_prefix = example\n"
        "[storage-policy:0]\nname = only\ndefault = yes\n"
    )
    common = COMMON.format(folder=folder)
    files = {}
    for kind, own in ports.items():
        files[kind] = folder / (kind + "-server.conf")
        files[kind].write_text(SERVER.format(common=common, folder=folder, kind=kind, port=own))
    proxy = f"[DEFAULT]\n{common}bind_port = {port}\n[pipeline:main]\npipeline = {PIPELINE}\n"
    proxy += "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n"
    proxy += f"[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:{memcached}\n"
    for name in PIPELINE.split():
        if name not in ("cache", "proxy-server"):
            proxy += f"[filter:{name}]\nuse = egg:swift#{name}\n{FILTERS.get(name, '')}\n"
    files["proxy"] = folder / "proxy-server.conf"
    files["proxy"].write_text(proxy)
    rings(folder, ports)
    return files


def main():
    """Start the servers, and end them with this process."""
    folder, port, memcached = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    files = configure(folder, port, memcached)
    program = (
        "import sys; from swift.common import utils; utils.SWIFT_CONF_FILE = sys.argv[1] + '/swift.conf'; "
        "from swift.common.wsgi import run_wsgi; sys.exit(run_wsgi(sys.argv[2], sys.argv[3]))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(folder), str(path), kind + "-server"])
        for kind, path in files.items()
    ]

    def end(_number, _frame):
        for child in children:
            child.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    for child in children:
        child.wait()


if __name__ == "__main__":
    main()

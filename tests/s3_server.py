"""An S3 server on loopback: Ceph's RADOS Gateway where it is installed, moto's imitation elsewhere.

The gateway is a real one: it checks signatures, keeps its promises under races and is what many shops run
themselves. On Debian: `apt-get install --no-install-recommends radosgw ceph-mon ceph-osd`. It keeps
everything in memory and under one folder, starts in some ten seconds and leaves nothing behind.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_TRIES = 3
_COMMANDS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph")
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v1:127.0.0.1:{mon_port}]
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
mon allow pool size one = true
mon max pg per osd = 5000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
[mon.a]
mon data = {folder}/mon
mon addr = 127.0.0.1:{mon_port}
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {memory}
# The two that follow would place the only disk anew at each start, and it would refuse to start.
osd class update on start = false
osd crush update on start = false
osd class load list = *
osd class default list = *
[client.rgw.a]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where a server listens and who may use it; `real` is False for the imitation."""

    endpoint: str
    access_key: str
    secret_key: str
    real: bool

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 has to find in its environment to use this server and nothing else."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self) -> Any:
        """A boto3 client of its own, which reads no environment."""
        import boto3

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )


def gateway_is_installed() -> bool:
    """Whether this machine has what the real server needs."""
    return all(shutil.which(command) for command in _COMMANDS)


@contextmanager
def serve(folder: Path, *, memory: int = 2 * 2**30) -> Iterator[S3Server]:
    """A server that runs inside the block; the real one, in the new `folder`, with `memory` bytes of room."""
    with _gateway(folder, memory) if gateway_is_installed() else _imitation() as server:
        yield server


@contextmanager
def _imitation() -> Iterator[S3Server]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", "test", "test", real=False)
    server.stop()


@contextmanager
def _gateway(folder: Path, memory: int) -> Iterator[S3Server]:
    runs = [folder / f"try-{number}" for number in range(_TRIES)]
    try:
        yield _started(runs, memory)
    finally:
        for run in runs:
            _stop(run / "run")


def _started(folders: Sequence[Path], memory: int) -> S3Server:
    """A server in the first of the new `folders` in which one comes up.

    Somebody else may take a port between the moment it was found free and the moment Ceph listens there; a
    whole test run was lost to that once. So there is another try, on other ports.
    """
    for folder in folders:
        try:
            return _start(folder, memory)
        except RuntimeError as error:
            _stop(folder / "run")
            problem = error
    raise problem


@dataclass(frozen=True, slots=True)
class _Ceph:
    folder: Path

    def __call__(self, command: str, *words: str) -> None:
        """Run one of Ceph's commands; what it complains of goes into the error."""
        whole = [command, "-c", str(self.folder / "ceph.conf"), *words]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{command} does not end: {self._logged()}") from error
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or self._logged()
            raise RuntimeError(f"{command} failed: {said}")

    def _logged(self) -> str:
        """The last lines of the logs: what failed in the background said why only there."""
        logs = sorted((self.folder / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
        return "\n".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-10:])


def _start(folder: Path, memory: int) -> S3Server:
    """A monitor, a disk in memory and the gateway, in the new `folder`. Raises RuntimeError."""
    for part in ("mon", "osd", "rgw", "run", "log"):
        (folder / part).mkdir(parents=True)
    port, mon_port, fsid = _free_port(), _free_port(), str(uuid.uuid4())
    configuration = folder / "ceph.conf"
    configuration.write_text(
        _CONFIGURATION.format(fsid=fsid, folder=folder, port=port, mon_port=mon_port, memory=memory)
    )
    server, ceph = (
        S3Server(f"http://127.0.0.1:{port}", "test", secrets.token_hex(16), real=True),
        _Ceph(folder),
    )
    _start_parts(ceph, folder, fsid, mon_port)
    _wait_for(port)
    _add_user(ceph, server)
    return server


def _start_parts(ceph: "_Ceph", folder: Path, fsid: str, mon_port: int) -> None:
    """Each of the three goes into the background by itself."""
    monmap, disk = str(folder / "monmap"), str(uuid.uuid4())
    address = f"[v1:127.0.0.1:{mon_port}]"
    subprocess.run(
        ["monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap],
        capture_output=True,
        check=True,
    )
    ceph("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap)
    ceph("ceph-mon", "-i", "a")
    _patiently(lambda: ceph("ceph", "osd", "new", disk))
    ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
    ceph("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=here")
    ceph("ceph-osd", "-i", "0")
    ceph("radosgw", "-n", "client.rgw.a")


def _patiently(work: Callable[[], None]) -> None:
    """On a busy machine the monitor listens before it lets anybody do anything."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            work()
        except RuntimeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def _add_user(ceph: _Ceph, server: S3Server) -> None:
    keys = (f"--access-key={server.access_key}", f"--secret-key={server.secret_key}")
    ceph("radosgw-admin", "-n", "client.rgw.a", "user", "create", "--uid=test", "--display-name=test", *keys)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > until:
                raise RuntimeError("the gateway went into the background and does not listen") from error
            time.sleep(0.1)
        else:
            return


def _stop(run: Path) -> None:
    """End the gateway, then the disk, then the monitor, by the ids that they wrote down."""
    files = [run / f"{name}.pid" for name in ("client.rgw.a", "osd.0", "mon.a")]
    pids = [int(file.read_text()) for file in files if file.exists()]
    _signal(pids, signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.1)
    _signal(pids, signal.SIGKILL)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

"""What the fault matrix is run in: server, proxy, cluster and shop, and single nights. For `faults.py`."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faulty_shop
from faulty_shop import Left

ROOT = Path(__file__).parents[1]
PHOTO_SECONDS = 30.0
"""The time limit of a photo; the stand-in needs a hundredth of it, the real network a tenth."""
NODES, PROCESSORS = 3, 2
_OBJECTS = 128 * 2**20
_BUCKET = 8 * 2**30


@dataclass
class World:
    """Everything that stands while the rows come and go."""

    folder: Path
    photos: int
    seed: int
    real: bool
    server: Any
    proxy: str
    cluster: Any
    nodes: list[tuple[Any, int]] = field(default_factory=list)
    base: Left | None = None
    base_seconds: float = 0.0
    start_seconds: float = 0.0
    outputs: int = 0
    mixture: Any = None

    def scaled(self, number: int) -> int:
        """So many faults of the matrix for this number of photos, at least two."""
        return max(2, round(number * self.photos / 2000))

    def at_most(self, times: int) -> int:
        """So often as the matrix says, less often with fewer photos: what takes a night each time."""
        return max(1, min(times, times * self.photos // 2000))

    def part(self, count: int) -> float:
        """Seconds after which to interrupt a night that `count` interruptions are to fall into, on average:
        it starts again after each.
        """
        return self.start_seconds + self.base_seconds / (count + 1)

    def new_output(self) -> str:
        self.outputs += 1
        return f"out{self.outputs}"

    def sweep(self) -> None:
        """Empty the outputs of the rows so far: the bucket lies in memory, and a night takes 0.3 GB of it."""
        for number in range(1, self.outputs + 1):
            faulty_shop.empty(self.server.client(), f"out{number}/")

    def spoil(self, *rules: dict[str, Any], seed: int = 0) -> None:
        """The rules of the bucket from now on; none: an honest bucket."""
        told = faulty_shop.rules(self.seed + seed, *rules)
        urllib.request.urlopen(urllib.request.Request(f"{self.proxy}/_faults", told), timeout=30).close()

    def photo(self, number: int, backdrop: tuple[int, int, int] | None = None) -> bytes:
        """A photo for the network of these nights; `backdrop` (RGB) as `faulty_network` knows it."""
        if self.real:
            return faulty_shop.real_photo(number, backdrop)
        return faulty_shop.photo(number, backdrop) if backdrop else faulty_shop.photo(number)

    def some(self, count: int, *, of: random.Random) -> list[int]:
        """Numbers of so many photos, of a quarter of them at most."""
        return sorted(of.sample(range(self.photos), min(count, self.photos // 4)))


@dataclass
class Night:
    """One `banners run`, going on or over."""

    world: World
    output: str
    gpu: bool = False
    catalogue: str = "catalogue.csv"

    def __post_init__(self) -> None:
        file = faulty_shop.campaign(self.world.folder, self.output, self.catalogue)
        self.counts = self.world.folder / f"{self.output}.counts"
        self.log = self.world.folder / f"{self.output}.log"
        program = str(ROOT / "benchmarks" / "faulty_network.py")
        device = "cuda" if self.gpu else "cpu"
        words = [
            str(self.counts),
            str(PHOTO_SECONDS),
            device,
            "real" if self.world.real else "standin",
            str(file),
            "--address",
            self.world.cluster.address,
        ]
        self.started = time.monotonic()
        self.seconds = 0.0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([sys.executable, program, *words], stdout=log, stderr=log)

    def wait(self, seconds: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self.process.wait(seconds)
        self.seconds = time.monotonic() - self.started
        return code

    def runs(self) -> bool:
        return self.process.poll() is None

    def seen(self) -> int:
        """How many photos the network saw, in all nights of this output."""
        return self.counts.stat().st_size if self.counts.exists() else 0

    def last_words(self) -> str:
        """What it complained of, or else its last line."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        complaints = [line for line in lines if line.startswith(("failed ", "rejected ", "reason "))]
        return " / ".join(complaints[:3] or lines[-1:])


def finished(world: World, night: Night, result_code: int = 0) -> float:
    """Wait for the night; complain if it ends with another code."""
    code = night.wait(60 + 20 * world.base_seconds)
    if code != result_code:
        raise RuntimeError(f"the night ended with {code}, not {result_code}: {night.last_words()}")
    return night.seconds


def night_over(world: World, night: Night) -> float:
    """Wait for a night whose exit code depends on how many photos were refused."""
    code = night.wait(120 + 20 * world.base_seconds)
    if code not in (0, 3):
        raise RuntimeError(f"the night ended with {code}: {night.last_words()}")
    return night.seconds


@contextmanager
def added(world: World, photos: dict[str, tuple[int, int, int]]) -> Iterator[None]:
    """More photos in the bucket, with these backdrops, for a while."""
    client = world.server.client()
    for number, (key, backdrop) in enumerate(photos.items()):
        body = world.photo(200_000 + number, backdrop)
        client.put_object(Bucket=faulty_shop.BUCKET, Key=f"photos/{key}", Body=body)
    try:
        yield
    finally:
        for key in photos:
            client.delete_object(Bucket=faulty_shop.BUCKET, Key=f"photos/{key}")


def restore(world: World, numbers: Sequence[int]) -> None:
    """The photos with these numbers as they were."""
    client = world.server.client()
    for number in numbers:
        key = f"photos/{faulty_shop.photo_key(number)}"
        client.put_object(Bucket=faulty_shop.BUCKET, Key=key, Body=world.photo(number))


def done(world: World, *kinds: str) -> int:
    """How often the proxy did these things, or saw these methods, since it got its rules."""
    with urllib.request.urlopen(f"{world.proxy}/_faults", timeout=30) as answer:
        counts = json.load(answer)
    return sum(counts.get(kind, 0) for kind in kinds)


def kill_now_and_then(
    world: World, chance: random.Random, night: Night, title: str, count: int, share: float = 1.0
) -> int:
    """Kill such workers at random moments in this share of the night; how many it came to."""
    killed = 0
    while night.runs() and killed < count:
        time.sleep(chance.uniform(0.5, 1.5) * share * world.base_seconds / (count + 1))
        victims = processes(world, title)
        if victims and night.runs():
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
                killed += 1
    return killed


def processes(world: World, title: str) -> list[int]:
    """Workers of this cluster, and of no other on the machine, by the title that Ray gives them."""
    raylets = {each.process.pid for node, _ in world.nodes for each in node.all_processes.get("raylet", ())}
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in raylets and (folder / "cmdline").read_bytes().startswith(title.encode()):
                found.append(int(folder.name))
    return found


@contextmanager
def standing(photos: int, seed: int, *, real: bool) -> Iterator[World]:
    """Server, proxy, cluster and shop, and the fault-free night."""
    sys.path.append(str(ROOT / "tests"))
    from s3_server import serve

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        server = stack.enter_context(serve(folder / "s3", memory=_BUCKET))
        port = free_port()
        proxy = f"http://127.0.0.1:{port}"
        os.environ |= server.environment | {
            "AWS_ENDPOINT_URL_S3": proxy,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")]),
            "RAY_AUTH_MODE": "disabled",
            "OMP_NUM_THREADS": "1",
        }
        stack.enter_context(
            running(str(ROOT / "benchmarks" / "faulty_bucket.py"), server.endpoint, str(port))
        )
        cluster, nodes = start_cluster()
        stack.callback(cluster.shutdown)
        world = World(folder, photos, seed, real, server, proxy, cluster, nodes)
        faulty_shop.fill(server.client(), folder, photos, world.photo)
        wait_for_port(port)
        night = Night(world, "base")
        while night.runs() and not night.seen():
            time.sleep(0.1)
        world.start_seconds = time.monotonic() - night.started
        if night.wait(600 + 5 * photos):
            raise RuntimeError(f"the fault-free night failed: {night.last_words()}")
        world.base_seconds = night.seconds
        world.base = faulty_shop.left("base")
        check_base(world)
        yield world


def check_base(world: World) -> None:
    """A benchmark whose fault-free night is not whole would judge everything by nothing."""
    assert world.base is not None
    planned = world.photos * len(faulty_shop.SEGMENTS)
    if (len(world.base.banners), world.base.lost) != (planned, 0):
        raise RuntimeError(f"the fault-free night made {len(world.base.banners)} of {planned} banners")


def start_cluster() -> tuple[Any, list[tuple[Any, int]]]:
    """A head that does no work, and machines that do, each with its number of (pretended) GPUs."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": _OBJECTS}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [add_node(cluster, gpus=int(number == 0)) for number in range(NODES)]
    cluster.wait_for_nodes()
    return cluster, nodes


def add_node(cluster: Any, gpus: int) -> tuple[Any, int]:
    node = cluster.add_node(num_cpus=PROCESSORS, num_gpus=gpus, object_store_memory=_OBJECTS)
    return node, gpus


@contextmanager
def running(*words: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *words])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > until:
            raise RuntimeError("the proxy does not start")
        time.sleep(0.1)

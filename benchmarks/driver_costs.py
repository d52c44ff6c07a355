"""What a driver spends on each group, banner, row, part of the manifest and pointer. For `scaling.py`."""

import multiprocessing
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from faulty_world import free_port, wait_for_port
from one_banner import write_campaign

from jobs.console import Silent
from pipeline.banner_plan import plan_banners
from pipeline.briefs import Briefs
from pipeline.gather import gather
from pipeline.ledger import geometry_to_json
from pipeline.manifest import RunId, write_banners
from pipeline.publish import WRITERS
from pipeline.rows import banner_row, photo_row
from pipeline.store import DirStore, S3Store
from pipeline.types import BannerRow, Box, Geometry, PhotoRef, PhotoRow, Status
from pipeline.units import Press
from pipeline.wanted import want


class Nothing:
    """A kit without tools."""

    def open(self) -> None: ...


def empty(item: int, tools: None) -> int:
    """A step without work."""
    return item


def a_group(raylets: int, groups: int = 2000) -> float:
    """Driver seconds for each empty group on a cluster of so many raylets of two processors."""
    import ray
    from ray.cluster_utils import Cluster

    from jobs.pool import Pool, Worker
    from pipeline.runner import never

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(raylets):
        cluster.add_node(num_cpus=2, object_store_memory=100 * 2**20)
    ray.init(address=cluster.address, log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    actor: Any = ray.remote(num_cpus=1)(Worker)
    pool: Pool[int, int] = Pool(
        lambda: actor.remote(empty),
        [Nothing()],
        size=lambda: 2 * raylets,
        item_seconds=60.0,
        give_up=lambda item, late: item,
        stop=never,
        note=lambda item, why, detail: None,
        report=lambda at_work: None,
    )
    rows = pool.run((number,) for number in range(groups))
    next(rows)
    started = time.process_time()
    done = sum(1 for _ in rows)
    spent = (time.process_time() - started) / done
    pool.close()
    ray.shutdown()
    cluster.shutdown()
    return spent


def a_banner(banners: int = 5000) -> dict[str, float]:
    """Seconds, as `cluster_model.Costs` has them: of a demo banner, and of the driver's part of many."""
    from sizing import measure

    found = {"banner_seconds": measure(100).each("banners")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        campaign = write_campaign(folder, [f"{number}.jpg" for number in range(banners)])
        run, store = RunId("scaling", date(2026, 11, 22), "20261122T010000Z-0000"), DirStore(folder / "out")
        press = Press.of(run, campaign)
        photos = {f"{number}.jpg": finished_photo(f"{number}.jpg") for number in range(banners)}
        started = time.perf_counter()
        wanted, _ = want(campaign, run.date, Briefs(press.digest))
        units = plan_banners(wanted, photos, press, stored=(), past={}).todo
        found["plan_seconds"] = (time.perf_counter() - started) / banners
        started = time.perf_counter()
        rows = [banner_row(pickle.loads(pickle.dumps(unit)), run, Status.STORED) for unit in units]
        found["unit_seconds"] = (time.perf_counter() - started) / banners
        parts: list[float] = []

        def note(some: Sequence[BannerRow]) -> None:
            begun = time.perf_counter()
            write_banners(store, run, some)
            parts.append(time.perf_counter() - begun)

        started = time.perf_counter()
        gather(iter(rows), note, Silent())
        found["row_seconds"] = (time.perf_counter() - started - sum(parts)) / banners
        found["part_seconds"] = sum(parts) / len(parts)
    return found


def a_pointer(pointers: int = 500) -> float:
    """Processor seconds of the request that writes a pointer under `latest/`, without the bucket's own: a
    server on loopback takes everything and says yes.
    """
    server = multiprocessing.get_context("spawn").Process(target=serve_yes, args=(port := free_port(),))
    server.start()
    wait_for_port(port)
    os.environ |= {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    store, pointer = S3Store("bucket"), b"{}" * 150
    try:
        store.replace("latest/first.json", pointer, "application/json")
        started = time.process_time()
        with ThreadPoolExecutor(WRITERS) as pool:
            keys = (f"latest/{number}.json" for number in range(pointers))
            list(pool.map(lambda key: store.replace(key, pointer, "application/json"), keys))
        return (time.process_time() - started) / pointers
    finally:
        server.terminate()
        server.join()


class Yes(BaseHTTPRequestHandler):
    """Takes every object."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def serve_yes(port: int) -> None:
    """For ever."""
    ThreadingHTTPServer(("127.0.0.1", port), Yes).serve_forever()


def finished_photo(key: str) -> PhotoRow:
    """A photo that was cut out, as the ledger has it."""
    geometry = geometry_to_json(
        Geometry(400, 700, Box(10, 12, 390, 700), Box(150, 12, 260, 140), ("bottom",))
    )
    row = photo_row(PhotoRef(key, "etag", 9, key), "5" * 64, Status.STORED)
    return replace(row, geometry=geometry, cutout_key=f"cutouts/{key}", confidence=0.99)

"""What a retraining asks of the buckets, compared with what its policy allows.

Workers are processes of their own, and checkpoints are stored by another library than ours; so the calls are
taken down where they arrive, in the server.
"""

import io
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from urllib.request import Request, urlopen

import boto3
import pytest
from conftest import BUCKET, Shop
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from test_deploy import Call, allows, listed, statements
from test_retrain import RECIPE_TEXT, STEPS, banners, cluster, data, small_weights  # noqa: F401  # fixtures
from werkzeug.serving import make_server

PREFIX = "new"
"""Where the training data lies in the bucket."""
NEVER_HERE = {("DropOldCheckpoints", "s3:AbortMultipartUpload")}
"""What only an upload that broke off asks for."""


class Recorded:
    """An S3 server that takes down what is asked of it, as the rights that AWS would look for."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self.calls: set[Call] = set()

    def __call__(self, environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        method = environ["REQUEST_METHOD"]
        if method == "POST" and "delete" in query:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            self.calls.update(_call("s3:DeleteObject", bucket, key) for key in _deleted(body))
        elif key:
            self.calls.add(_call(_of_object(method, query), bucket, key))
        elif bucket == BUCKET:  # Arrow also asks after one that nobody has, which no policy can grant
            self.calls.add(_call(_of_bucket(method, query), bucket, "", query.get("prefix", "")))
        answer: Iterable[bytes] = self._app(environ, respond)
        return answer


def _call(action: str, bucket: str, key: str, prefix: str = "") -> Call:
    return action, f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else ""), prefix


def _of_object(method: str, query: dict[str, str]) -> str:
    """As AWS's table of S3 operations and the permissions that they need has it."""
    if method == "DELETE" and "uploadId" in query:
        return "s3:AbortMultipartUpload"
    return {
        "GET": "s3:GetObject",
        "HEAD": "s3:GetObject",
        "PUT": "s3:PutObject",
        "POST": "s3:PutObject",
        "DELETE": "s3:DeleteObject",
    }[method]


def _of_bucket(method: str, query: dict[str, str]) -> str:
    if "location" in query:
        return "s3:GetBucketLocation"
    return {"GET": "s3:ListBucket", "HEAD": "s3:ListBucket", "PUT": "s3:CreateBucket"}[method]


def _deleted(body: bytes) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(body).iter() if each.tag.endswith("Key")]


@pytest.fixture
def server(s3_settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """With one empty bucket, which stores, workers and Ray find by their settings."""
    recorded = Recorded()
    served = make_server("127.0.0.1", 0, recorded, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    where = f"http://127.0.0.1:{served.server_port}"
    s3_settings(where)
    # All of moto's servers in a process hold the same buckets.
    with urlopen(Request(f"{where}/moto-api/reset", method="POST")):
        pass
    boto3.session.Session("test", "test", region_name="us-east-1").client(
        "s3", endpoint_url=where
    ).create_bucket(Bucket=BUCKET)
    recorded.calls.clear()
    yield recorded
    served.shutdown()
    thread.join()
    served.server_close()


def upload(folder: Path, prefix: str) -> None:
    """Every file below `folder`."""
    client = boto3.client("s3")
    for file in folder.rglob("*"):
        if file.is_file():
            client.put_object(
                Bucket=BUCKET, Key=f"{prefix}/{file.relative_to(folder)}", Body=file.read_bytes()
            )


@pytest.mark.s3
@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_retrainings_policies_allow_what_it_calls_and_nothing_else(
    shop: Shop,
    data: Path,  # noqa: F811
    server: Recorded,
    cluster: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload(data, PREFIX)
    recipe = data.parent / "small.yaml"
    recipe.write_text(RECIPE_TEXT.replace(f"steps: {STEPS}", "steps: 4").replace("look: 10", "look: 4"))
    shop.edit("campaign.yaml", "output: out", f"output: s3://{BUCKET}/out")
    monkeypatch.setattr("jobs.retrain.SAVE_EVERY", 0.0)
    monkeypatch.setattr("jobs.retrain.join", lambda address: None)
    server.calls.clear()

    done = banners(
        "retrain", shop.campaign, recipe, "--data", f"s3://{BUCKET}/{PREFIX}",
        "--device", "cpu",
    )  # fmt: skip

    rights, own = statements("iam-night.json", "iam-train.json"), statements("iam-train.json")
    assert done.exit_code == 0, done.output
    assert [call for call in server.calls if not any(allows(each, call) for each in rights)] == []
    unused = {
        (statement["Sid"], action)
        for statement in own
        for action in listed(statement["Action"])
        if not any(call[0] == action and allows(statement, call) for call in server.calls)
    }
    assert unused == NEVER_HERE

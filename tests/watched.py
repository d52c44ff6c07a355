"""A program that draws hostile designs, for tests that look at what it opens, calls or starts meanwhile.

`python watched.py` reads a list in JSON from stdin: of each design its `file`, the `value` of the product's
picture and name, and a `brand`. It answers with a list of what came of them: `drawn`, or what is wrong. With
the folder `watch` in PYTHONPATH and a file in WATCHED, it and the processes that it starts write down events.
"""

import json
import sys
from pathlib import Path

from scenes import person, product, segment

from pipeline.compose import render
from pipeline.errors import BannerFailed, InvalidInput, JobError
from pipeline.fonts import FontBook
from pipeline.template import DocumentError, DocumentRequest, load_brand, read_design, render_documents
from pipeline.types import Size

SIZE = Size(300, 250)


def main() -> None:
    print(json.dumps([_told(**each) for each in json.load(sys.stdin)]))


def _told(file: str, value: str, brand: str) -> str:
    try:
        return _draw(file, value, brand)
    except (InvalidInput, BannerFailed, JobError) as error:
        return str(error)


def _draw(file: str, value: str, brand: str) -> str:
    folders = (Path(file).parent.parent,)
    shown, to = product(picture=value, name=value), segment(sizes=(SIZE,))
    request = DocumentRequest(read_design(Path(file)), to, shown, load_brand(brand, folders))
    (made,) = render_documents([request])
    if isinstance(made, DocumentError):
        return made.detail
    render(made, SIZE, person(), fonts=FontBook.load(), folders=folders)
    return "drawn"


if __name__ == "__main__":
    main()

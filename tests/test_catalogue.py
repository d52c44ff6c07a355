import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.catalogue import compare_photos, key_part, load_catalogue
from pipeline.errors import InvalidInput

HEADER = "id,name,price,stock,photos\n"


@pytest.fixture
def csv_file(tmp_path: Path):
    def write(text: str | bytes, name: str = "catalogue.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_csv_row_becomes_a_product(csv_file) -> None:
    (product,) = load_catalogue(csv_file(HEADER + "A1,T恤,1280,5,a.jpg;shirts/b.jpg\n"))

    assert product.id == "A1"
    assert product.photos == ("a.jpg", "shirts/b.jpg")
    assert product.fields == {"id": "A1", "name": "T恤", "price": 1280, "stock": 5}
    assert product.line == 2


def test_csv_jsonl_and_parquet_give_the_same_products(csv_file, tmp_path: Path) -> None:
    rows = [
        {"id": "A1", "name": "coat", "price": 12.5, "stock": 5, "photos": ["a.jpg", "b.jpg"]},
        {"id": "A2", "name": None, "price": 20.0, "stock": 0, "photos": []},
    ]
    lines = tmp_path / "catalogue.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in rows))
    parquet = tmp_path / "catalogue.parquet"
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    text = csv_file(HEADER + "A1,coat,12.5,5,a.jpg;b.jpg\nA2,,20,0,\n")

    loaded = [load_catalogue(path) for path in (text, lines, parquet)]

    assert [[(p.id, p.photos, p.fields) for p in products] for products in loaded[1:]] == [
        [(p.id, p.photos, p.fields) for p in loaded[0]]
    ] * 2


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "20", ""], [1, 20, None]),
        (["1", "2.5"], [1.0, 2.5]),
        (["007", "8"], ["007", "8"]),
        (["1e5", "8"], ["1e5", "8"]),
        (["true", "false"], [True, False]),
        (["true", "1"], ["true", "1"]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
        (["nan", "1"], ["nan", "1"]),
        (["１", "2"], ["１", "2"]),
    ],
)
def test_a_csv_column_has_one_type(csv_file, cells, values) -> None:
    rows = "".join(f"{index},{cell},\n" for index, cell in enumerate(cells))

    products = load_catalogue(csv_file("id,code,photos\n" + rows))

    assert [product.fields["code"] for product in products] == values
    assert {type(value) for value in values if value is not None} == {
        type(product.fields["code"]) for product in products if product.fields["code"] is not None
    }


def test_a_jsonl_column_of_numbers_and_texts_becomes_text(csv_file) -> None:
    path = csv_file('{"id":1,"photos":"a.jpg","cut":38}\n{"id":2,"photos":[],"cut":"M"}\n', "c.jsonl")

    products = load_catalogue(path)

    assert [(product.id, product.fields["cut"]) for product in products] == [("1", "38"), ("2", "M")]


@pytest.mark.parametrize(
    "value",
    [
        '=HYPERLINK("http://x")',
        "+1",
        "@SUM(A1)",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "a" * 10_000,
        "مرحبا",
        "👩‍🦰",
        "two\nlines",
    ],
)
def test_values_stay_literal(csv_file, value: str) -> None:
    cell = value.replace('"', '""')

    (product,) = load_catalogue(csv_file(f'id,name,photos\nA1,"{cell}",a.jpg\n'))

    assert product.fields["name"] == value


def test_a_byte_order_mark_is_no_part_of_the_first_column(csv_file) -> None:
    (product,) = load_catalogue(csv_file(b"\xef\xbb\xbfid,photos\r\nA1,a.jpg\r\n"))

    assert product.id == "A1"


def test_lines_are_counted_through_cells_of_several_lines(csv_file) -> None:
    path = csv_file(HEADER + 'A1,"two\nlines",1,1,a.jpg\n\nA2,x,dear,1,b.jpg\n')

    with pytest.raises(InvalidInput) as caught:
        load_catalogue(path)

    assert (caught.value.line, caught.value.field) == (5, "price")


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        (HEADER + "A1,x,1,1,a.jpg\nA1,y,1,1,b.jpg\n", 3, "id", "A1 is the id of line 2 too"),
        (HEADER + "A1,x,1,1,a.jpg\n A1 ,y,1,1,b.jpg\n", 3, "id", "A1 is the id of line 2 too"),
        (HEADER + ",x,1,1,a.jpg\n", 2, "id", "is missing"),
        (HEADER + f"{'A' * 201},x,1,1,a.jpg\n", 2, "id", "longer than 200"),
        (HEADER + 'A1,x,"1,280",1,a.jpg\n', 2, "price", "1,280 is no number"),
        (HEADER + "A1,x,1,1,a.jpg\nA2,x,NT$5,1,a.jpg\n", 3, "price", "NT$5 is no number"),
        (HEADER + "A1,x,nan,1,a.jpg\n", 2, "price", "nan is no number"),
        (HEADER + "A1,x,-1,1,a.jpg\n", 2, "price", "-1 is less than 0"),
        (HEADER + "A1,x,1000000000000000,1,a.jpg\n", 2, "price", "1000000000000000 is too large for a price"),
        (HEADER + "A1,x,1,-3,a.jpg\n", 2, "stock", "-3 is less than 0"),
        (HEADER + "A1,x,1,1.5,a.jpg\n", 2, "stock", "no whole number"),
        (HEADER + "A1,x,1,1\n", 2, None, "has 4 cells where the header has 5"),
        (HEADER + "A1,x,1,1,a.jpg,b.jpg\n", 2, None, "has 6 cells"),
        (HEADER + 'A1,"x,1,1,a.jpg\n', 2, None, "is no CSV"),
        (HEADER + "A1,bell\a,1,1,a.jpg\n", 2, "name", "control character U+0007"),
        (HEADER + "A1,x,1,1,../secret.jpg\n", 2, "photos", "cannot be a photo's key"),
        (HEADER + "A1,x,1,1,/etc/passwd\n", 2, "photos", "cannot be a photo's key"),
        (HEADER.encode() + b"A1,\xff,1,1,a.jpg\n", 2, None, "not UTF-8"),
        (HEADER.encode() + b"A1,\0,1,1,a.jpg\n", 2, None, "NUL byte"),
        ("id,photos\nA1,a.jpg\n".encode("utf-16"), 1, None, "UTF-16"),
        ("id;photos\nA1;a.jpg\n", 1, None, "not separated by commas"),
        ("sku,photos\nA1,a.jpg\n", 1, "id", "has no column id"),
        ("id,foto\nA1,a.jpg\n", 1, "photos", "did you mean foto?"),
        ("id,stock,Stock,photos\n", 1, "Stock", "has the columns stock and Stock"),
        ("id,,photos\n", 1, None, "the column name '' is empty"),
        (HEADER, None, None, "has no products"),
        ("", 1, "id", "has no column id"),
    ],
)
def test_a_wrong_csv_is_told_with_its_line_and_field(csv_file, text, line, field, words: str) -> None:
    path = csv_file(text)

    with pytest.raises(InvalidInput) as caught:
        load_catalogue(path)

    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), line, field)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        ('{"id":"A","photos":[]}\n{"id":', 2, None, "is no JSON"),
        ('["A"]', 1, None, "must be an object"),
        ('{"id":"A","id":"B","photos":[]}', 1, None, "a name is given twice"),
        ('{"id":"A","photos":[],"price":NaN}', 1, None, "NaN is no number"),
        ('{"id":"A","photos":[],"price":1e999}', 1, "price", "inf is no number"),
        ('{"id":"A","photos":[],"price":"dear"}', 1, "price", "dear is no number"),
        ('{"id":"A","photos":[],"list_price":1e30}', 1, "list_price", "1e+30 is too large for a price"),
        ('{"id":"A","photos":[],"price":true}', 1, "price", "True is no number"),
        ('{"id":"A","photos":[],"tags":["x"]}', 1, "tags", "must be a text, a number"),
        ('{"id":"A","photos":[1]}', 1, "photos", "must be a key or a list of keys"),
        ('{"id":"A","photos":[],"name":"\\ud800"}', 1, "name", "control character U+D800"),
        ('{"id":"A","photos":[],"n":99999999999999999999}', 1, "n", "too large a number"),
        ('{"id":"A","photos":' + "[" * 100_000, 1, None, "cannot be used"),
    ],
)
def test_wrong_json_lines_are_told_with_line_and_field(csv_file, text, line, field, words: str) -> None:
    path = csv_file(text, "catalogue.jsonl")

    with pytest.raises(InvalidInput) as caught:
        load_catalogue(path)

    assert (caught.value.line, caught.value.field) == (line, field)
    assert words in str(caught.value)


def test_the_largest_prices_below_the_limit_and_any_stock_are_taken(csv_file) -> None:
    (product,) = load_catalogue(csv_file(HEADER + f"A1,x,999999999999999,{10**18 - 1},a.jpg\n"))

    assert (product.fields["price"], product.fields["stock"]) == (999_999_999_999_999, 10**18 - 1)


def test_prices_written_as_text_in_jsonl_are_numbers(csv_file) -> None:
    (product,) = load_catalogue(csv_file('{"id":"A","photos":[],"price":"12.50"}', "c.jsonl"))

    assert product.fields["price"] == 12.5


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("catalogue.parquet", b"no parquet", "is no Parquet file"),
        ("catalogue.parquet", b"", "is no Parquet file"),
        ("catalogue.xlsx", b"PK", "is none of .csv, .jsonl, .parquet"),
    ],
)
def test_a_file_of_another_kind_is_refused(csv_file, name: str, data: bytes, words: str) -> None:
    path = csv_file(data, name)

    with pytest.raises(InvalidInput, match=words):
        load_catalogue(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(InvalidInput, match="there is no such file"):
        load_catalogue(tmp_path / "none.csv")
    with pytest.raises(InvalidInput, match="is a folder"):
        load_catalogue(tmp_path / "folder.csv")


def test_the_same_photo_twice_counts_once(csv_file) -> None:
    (product,) = load_catalogue(csv_file("id,photos\nA1,a.jpg; b.jpg ;a.jpg;\n"))

    assert product.photos == ("a.jpg", "b.jpg")


@pytest.mark.parametrize("product_id", ["A1", "sku_1.2-b", "9", "A" * 64])
def test_a_plain_id_is_its_own_part_of_a_key(product_id: str) -> None:
    assert key_part(product_id) == product_id


@pytest.mark.parametrize(
    "product_id", ["a/b", "../../etc", "商品 1", ".hidden", "a%2eb", "A" * 65, "-", "é", "e\u0301"]
)
def test_any_other_id_becomes_a_safe_part_of_a_key(product_id: str) -> None:
    part = key_part(product_id)

    assert part != product_id
    assert part.replace("-", "").isalnum()
    assert part.isascii()
    assert len(part) <= 64


def test_ids_that_look_alike_have_different_parts() -> None:
    assert len({key_part(text) for text in ("a/b", "a b", "a-b", "é", "e\u0301", "商品", "商號")}) == 7


def test_catalogue_and_bucket_are_compared_both_ways(csv_file) -> None:
    products = load_catalogue(csv_file("id,photos\nA,a.jpg;gone.jpg\nB,\nC,lost.jpg\n"))

    gaps = compare_photos(products, ["a.jpg", "z.jpg"])

    assert gaps.without_photos == ("B", "C")
    assert gaps.missing == (("A", "gone.jpg"), ("C", "lost.jpg"))
    assert gaps.unused == ("z.jpg",)

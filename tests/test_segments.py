import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import InvalidInput, JobError
from pipeline.fields import parse_size
from pipeline.rules import FUNCTIONS, Grammar, RuleError, open_locked
from pipeline.segments import SegmentDefaults, choose_photo, load_segments, select
from pipeline.selection import Search
from pipeline.types import Product, Scalar, Segment, Size

DEFAULTS = SegmentDefaults(("sale-poster",), (Size(300, 250), Size(728, 90)), "first", "")
WHOLE = """\
- name: taipei
  locale: zh_TW
  currency: TWD
  rule: stock > 0
  copy: {headline: 今日限定五折}
"""


def product(product_id: str, photos: tuple[str, ...] = ("a.jpg",), **fields: Scalar) -> Product:
    return Product(product_id, photos, {"id": product_id, **fields}, line=2)


PRODUCTS = (
    product("C", name="Coat", stock=5, price=30.0, category="jackets"),
    product("A", name="Shirt", stock=0, price=10.5, category="shirts"),
    product("B", name="Boots", stock=9, price=30.0, category=None),
)


@pytest.fixture
def segments_file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "segments.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def with_rule(
    rule: str, *, order_by: str | None = None, limit: int | None = None, photo: str = "first"
) -> Segment:
    return Segment(
        name="s",
        locale="en",
        currency="USD",
        rule=rule,
        order_by=order_by,
        limit=limit,
        copy={},
        columns={},
        designs=(),
        sizes=(),
        photo=photo,
        brand="",
        line=1,
    )


def run(
    segment: Segment, products: Sequence[Product] = PRODUCTS, time_limit: float = 60
) -> tuple[Product, ...]:
    with Grammar(list(products[0].fields)) as grammar:
        grammar.check(segment)
    with Search(products, [segment]) as search:
        (chosen,) = search.run(time_limit=time_limit)
    return chosen


def test_a_segment_takes_from_the_campaign_what_it_does_not_say(segments_file) -> None:
    (segment,) = load_segments(segments_file(WHOLE), DEFAULTS, PRODUCTS)

    assert (segment.designs, segment.sizes, segment.photo) == (DEFAULTS.designs, DEFAULTS.sizes, "first")
    assert segment.copy == {"headline": "今日限定五折"}
    assert (segment.order_by, segment.limit, segment.brand, segment.line) == (None, None, "", 1)


def test_a_segment_may_say_otherwise(segments_file) -> None:
    text = WHOLE + "  designs: [card]\n  sizes: [320x50]\n  photo: '*front*'\n  brand: house\n  limit: 3\n"

    (segment,) = load_segments(segments_file(text), DEFAULTS, PRODUCTS)

    assert (segment.designs, segment.sizes) == (("card",), (Size(320, 50),))
    assert (segment.photo, segment.brand, segment.limit) == ("*front*", "house", 3)


def test_words_that_yaml_takes_for_booleans_stay_text(segments_file) -> None:
    text = WHOLE.replace("zh_TW", "no").replace("今日限定五折", "Yes")

    (segment,) = load_segments(segments_file(text), DEFAULTS, PRODUCTS)

    assert (segment.locale, segment.copy["headline"]) == ("no", "Yes")


@pytest.mark.parametrize(
    ("written", "read"), [("zh-TW", "zh_TW"), ("ja", "ja"), ("zh_Hant_HK", "zh_Hant_HK")]
)
def test_locales_are_known_to_babel(segments_file, written: str, read: str) -> None:
    (segment,) = load_segments(segments_file(WHOLE.replace("zh_TW", written)), DEFAULTS, PRODUCTS)

    assert segment.locale == read


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("  rule:", "  rul:", 4, "segments[0].rul", "unknown field (did you mean rule?"),
        ("  rule: stock > 0\n", "", 1, "segments[0].rule", "is missing"),
        ("name: taipei", "name: Taipei 101", 1, "segments[0].name", "must be 1 to 63 of the characters"),
        ("name: taipei", "name: ../x", 1, "segments[0].name", "must be 1 to 63 of the characters"),
        ("zh_TW", "xx_YY", 2, "segments[0].locale", "xx_YY is no known locale"),
        ("TWD", "NTDX", 3, "segments[0].currency", "NTDX is no currency code"),
        ("stock > 0", "5", 4, "segments[0].rule", "must be text, not 5 (put it in quotes)"),
        ("rule: stock > 0", "rule:", 4, "segments[0].rule", "must be text, but nothing is there"),
        ("今日限定五折", "50", 5, "segments[0].copy.headline", "must be text, not 50"),
        ("今日限定五折", '"\\a"', 5, "segments[0].copy.headline", "control character U+0007"),
        ("今日限定五折", '"\\ud800"', 5, "segments[0].copy.headline", "control character U+D800"),
        ("headline:", "head-line:", 5, "segments[0].copy", "'head-line' cannot be used in templates"),
        ("  copy:", "  limit: 0\n  copy:", 5, "segments[0].limit", "greater than or equal to 1"),
        ("  copy:", "  limit: '3'\n  copy:", 5, "segments[0].limit", "must be a whole number"),
        ("  copy:", "  photo: front\n  copy:", 5, "segments[0].photo", "must be first, last or a pattern"),
        ("  copy:", "  sizes: [300x]\n  copy:", 5, "segments[0].sizes[0]", "must be a size such as 300x250"),
        ("  copy:", "  sizes: []\n  copy:", 5, "segments[0].sizes", "must not be empty"),
        ("  copy:", "  designs: [a, a]\n  copy:", 5, "segments[0].designs", "a is given twice"),
        ("  copy:", "  columns: {name: nam}\n  copy:", 5, "segments[0].columns.name", "did you mean name?"),
        ("  copy:", "  rule: x\n  copy:", 5, "rule", "is given twice"),
        ("  copy:", "  <<: {}\n  copy:", 5, None, "merge key"),
        ("stock > 0", "'stokk > 0'", 4, "segments[0].rule", "did you mean stock?"),
        ("  copy:", "  order_by: prise\n  copy:", 5, "segments[0].order_by", "did you mean price?"),
    ],
)
def test_a_wrong_segment_is_told_with_its_line_and_field(segments_file, old, new, line, field, words) -> None:
    path = segments_file(WHOLE.replace(old, new))

    with pytest.raises(InvalidInput) as caught:
        load_segments(path, DEFAULTS, PRODUCTS)

    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), line, field)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("name: x\n", "must be a list with at least one segment"),
        ("[]", "must be a list with at least one segment"),
        ("- 5\n", "must be a mapping"),
        ("- name: [\n", "is no YAML"),
        ("- name: \a\n", "control character"),
        ("- &a [*a]\n", "must be a mapping"),
        ("[" * 3_000, "is nested too deeply"),
        ("- !!python/object/apply:os.system [true]\n", "is no YAML"),
        ("- locale: ja\n  name: 2026-02-30\n", ":2: is no YAML: 2026-02-30: day is out of range"),
    ],
)
def test_a_file_that_is_no_list_of_segments_is_refused(segments_file, text: str, words: str) -> None:
    path = segments_file(text)

    with pytest.raises(InvalidInput) as caught:
        load_segments(path, DEFAULTS, PRODUCTS)

    assert words in str(caught.value)


def test_two_segments_of_one_name_are_refused(segments_file) -> None:
    path = segments_file(WHOLE + WHOLE)

    with pytest.raises(InvalidInput, match="the segment of line 1 is called taipei too") as caught:
        load_segments(path, DEFAULTS, PRODUCTS)

    assert (caught.value.line, caught.value.field) == (6, "segments[1].name")


CHOICES = [
    (with_rule("stock > 0"), ["B", "C"]),
    (with_rule("STOCK > 0 AND products.price = 30"), ["B", "C"]),
    (with_rule("category IN ('jackets', 'shirts')"), ["A", "C"]),
    (with_rule("category IS NULL OR name LIKE 'Sh%'"), ["A", "B"]),
    (with_rule("name ILIKE '%oo%' AND NOT stock < 1"), ["B"]),
    (with_rule("price BETWEEN 10 AND 20"), ["A"]),
    (with_rule("regexp_matches(name, '^C')"), ["C"]),
    (with_rule("name SIMILAR TO 'C.*'"), ["C"]),
    (with_rule("CASE WHEN stock > 0 THEN lower(name) ELSE 'none' END = 'coat'"), ["C"]),
    (with_rule("coalesce(category, 'none') = 'none' -- shoes"), ["B"]),
    (with_rule("CAST(price AS INTEGER) = 30 AND price::VARCHAR <> ''"), ["B", "C"]),
    (with_rule("stock > 100"), []),
    (with_rule("true"), ["A", "B", "C"]),
    (with_rule("true", order_by="price DESC"), ["B", "C", "A"]),
    (with_rule("true", order_by="category, price"), ["C", "A", "B"]),
    (with_rule("true", order_by="category DESC"), ["A", "C", "B"]),
    (with_rule("true", order_by="-stock"), ["B", "C", "A"]),
    (with_rule("true", order_by="price DESC", limit=1), ["B"]),
]


def test_rules_choose_and_order_products() -> None:
    with Grammar(list(PRODUCTS[0].fields)) as grammar:
        [grammar.check(segment) for segment, _ in CHOICES]

    with Search(PRODUCTS, [segment for segment, _ in CHOICES]) as search:
        selected = list(search.run(time_limit=60))

    assert [[found.id for found in products] for products in selected] == [ids for _, ids in CHOICES]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("id IN (SELECT content FROM read_text('/etc/passwd'))", "must not contain a subquery"),
        ("exists(select * from range(10000000000))", "must not contain a subquery"),
        ("EXISTS (FROM 'secrets.csv')", "must not contain a subquery"),
        ("read_text('/etc/passwd') = ''", "must not call read_text"),
        ("getenv('HOME') <> ''", "must not call getenv"),
        ("current_setting('memory_limit') <> ''", "must not call current_setting"),
        ("random() < 0.5", "must not call random"),
        ("repeat(name, 1000000000) <> ''", "must not call repeat"),
        ("main.lower(name) = ''", "must not call"),
        ("row_number() OVER () = 1", "must not contain a window function"),
        ("list_filter([1], x -> true) = []", "must not c"),
        ("sum(stock) > 0", "must not call sum"),
        ("stock > ?", "must not contain a parameter"),
        ("stock > $limit", "must not contain a parameter"),
        ("true; DROP TABLE products", "cannot be read"),
        ("true); COPY products TO '/tmp/x'; SELECT (true", "cannot be read"),
        ("true); SELECT (true", "must be one expression, without ;"),
        ("true) UNION SELECT content FROM read_text('/etc/passwd') WHERE (true", "must be one expression"),
        ("true) GROUP BY id HAVING (true", "must be one expression"),
        ("true) ORDER BY (id", "must be one expression"),
        ("true) LIMIT (1", "must be one expression"),
        ("ATTACH 'x.db'", "cannot be used"),
        ("COPY products TO '/tmp/x'", "cannot be read"),
        ("PRAGMA version", "cannot be read"),
        ("stock >", "cannot be read"),
        ("stock > 0)", "cannot be read"),
        ('category = "jackets"', "text goes in single quotes: 'jackets'"),
        ("other.stock > 0", "the catalogue has no column other.stock"),
        ("rowid = 1", "the catalogue has no column rowid"),
        ("name = 5", "cannot be used: Conversion Error: Could not convert string 'Coat' to INT"),
        ("lower(stock, 2) = ''", "cannot be used: Binder Error"),
        (f"stock > 0{' ' * 4000}", "is longer than 4,000 characters"),
        ("NOT " * 900 + "true", "nested too deeply"),
    ],
)
def test_a_rule_that_is_no_plain_condition_is_refused(rule: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        run(with_rule(rule))

    assert caught.value.field == "rule"
    assert words in caught.value.problem + (caught.value.hint or "")
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(
    ("order_by", "words"),
    [
        ("stock LIMIT 1 --", "cannot be read"),
        ("(SELECT 1)", "must not contain a subquery"),
        ("random()", "must not call random"),
        ("ALL", "cannot be read"),
        ("stock; DROP TABLE products", "cannot be read"),
    ],
)
def test_an_order_that_is_no_plain_order_is_refused(order_by: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        run(with_rule("true", order_by=order_by))

    assert caught.value.field == "order_by"
    assert words in caught.value.problem


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("stock >", 'something is missing at its end, after "stock >"'),
        ("(stock > 0 -- all\n AND (price < 3)", 'something is missing at its end, after "AND (price < 3)"'),
        ("stock > 0)", 'syntax error at ")", character 10'),
        ("stock > 0\nAND AND price < 3", 'syntax error at "AND price < 3", character 5 of its line 2'),
        ("name = '外套' AND AND true", 'syntax error at "AND true", character 17'),
        ("name = 'abc", 'unterminated string literal at "\'abc", character 8'),
        ("true); COPY products TO '/tmp/x'; SELECT (true", "this is more than one expression"),
    ],
)
def test_a_syntax_error_is_told_of_the_users_own_words(rule: str, problem: str) -> None:
    with Grammar(["id"]) as grammar, pytest.raises(RuleError) as caught:
        grammar.check(with_rule(rule))

    assert caught.value.problem == f"cannot be read: {problem}"


def test_a_syntax_error_in_an_order_is_told_with_an_example_of_an_order() -> None:
    with Grammar(["id"]) as grammar, pytest.raises(RuleError) as caught:
        grammar.check(with_rule("true", order_by="stock DESC, , id"))

    assert caught.value.problem == 'cannot be read: syntax error at ", id", character 13'
    assert caught.value.hint == "write columns such as: price DESC, name"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "COPY products TO '/tmp/never.csv'",
        "ATTACH '/tmp/never.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "SELECT * FROM PRODUCTS_IN_PYTHON",
    ],
)
def test_the_database_is_locked_even_for_statements_that_no_rule_can_be(statement: str) -> None:
    PRODUCTS_IN_PYTHON = [1]  # noqa: F841  a variable that the database must not see

    with open_locked() as database, pytest.raises(duckdb.Error):
        database.execute(statement)


def test_a_slow_rule_ends_at_its_time_limit() -> None:
    # Each row takes a millisecond and more; all of them together would take minutes.
    wicked = [product(f"{index}", name="a" * 20_000) for index in range(2_000)]
    rule = with_rule(
        " OR ".join(f"regexp_matches(name, '(a{{1,99}}){{1,9}}b{index}')" for index in range(80))
    )

    with pytest.raises(RuleError) as caught:
        run(rule, wicked, time_limit=0.2)

    assert caught.value.problem == "took longer than 0.2 seconds"


def test_a_rule_that_needs_too_much_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.selection.query_for", lambda segment: "SELECT repeat('a', 3000000000)")

    with pytest.raises(RuleError, match="needs more memory than 512MB"):
        run(with_rule("true"))


def test_a_process_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])

    with pytest.raises(JobError, match="the catalogue cannot be searched: ModuleNotFoundError"):
        run(with_rule("true"))


def test_a_search_that_nobody_waits_for_leaves_no_process() -> None:
    with Search(PRODUCTS, [with_rule("true")]) as search:
        process = search._process

    assert process.returncode is not None


def test_a_rule_that_fails_on_a_value_names_file_line_and_field(segments_file) -> None:
    path = segments_file(WHOLE + WHOLE.replace("taipei", "b").replace("stock > 0", "name = 5"))
    segments = load_segments(path, DEFAULTS, PRODUCTS)

    with Search(PRODUCTS, segments) as search, pytest.raises(InvalidInput) as caught:
        select(search, file=path)

    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), 9, "segments[1].rule")


def test_a_segment_that_selects_nothing_has_an_empty_entry(segments_file) -> None:
    path = segments_file(WHOLE + WHOLE.replace("taipei", "b").replace("> 0", "> 100"))
    segments = load_segments(path, DEFAULTS, PRODUCTS)

    with Search(PRODUCTS, segments) as search:
        chosen = select(search, file=path)

    assert chosen == {"taipei": (PRODUCTS[2], PRODUCTS[0]), "b": ()}


def test_columns_empty_throughout_can_stand_in_a_rule() -> None:
    assert run(with_rule("note = 'x'"), [product("A", note=None)]) == ()


def test_names_and_values_of_the_catalogue_are_never_sql() -> None:
    fields = {"id": "x'; DROP TABLE products; --", "name": "{{7*7}}' OR true --", "price (NT$)": 5, 'a"b': 1}
    odd = Product(fields["id"], (), fields, line=2)

    assert run(with_rule('name LIKE \'%7*7%\' AND "price (NT$)" = 5 AND "a""b" = 1'), [odd]) == (odd,)


def test_no_function_reads_the_world_or_makes_large_values() -> None:
    refused = {
        "repeat",
        "lpad",
        "rpad",
        "concat",
        "replace",
        "random",
        "now",
        "getenv",
        "read_text",
        "nextval",
    }

    assert not refused & FUNCTIONS


@pytest.mark.parametrize(
    ("photo", "present", "key"),
    [
        ("first", None, "x/back.jpg"),
        ("last", None, "x/front-2.jpg"),
        ("*front*", None, "x/front-1.jpg"),
        ("front*", None, "x/front-1.jpg"),
        ("*FRONT*", None, "x/back.jpg"),
        ("*side*", None, "x/back.jpg"),
        ("*[12].jpg", None, "x/front-1.jpg"),
        ("first", {"x/front-2.jpg"}, "x/front-2.jpg"),
        ("*front-1*", {"x/back.jpg", "x/front-2.jpg"}, "x/back.jpg"),
        ("last", set(), None),
    ],
)
def test_the_segment_chooses_among_a_products_photos(
    photo: str, present: set[str] | None, key: str | None
) -> None:
    shown = product("A", photos=("x/back.jpg", "x/front-1.jpg", "x/front-2.jpg"))

    assert choose_photo(shown, with_rule("true", photo=photo), present) == key


def test_a_product_without_photos_has_none_to_choose() -> None:
    assert choose_photo(product("A", photos=()), with_rule("true")) is None


@pytest.mark.parametrize("text", ["20x20", "4096x4096", "728x90"])
def test_a_size_is_width_x_height(text: str) -> None:
    assert str(parse_size(text)) == text


@pytest.mark.parametrize(
    "text",
    ["19x20", "20x4097", "300", "x250", "300X250", "300x250x1", "-300x250", " 300x250", "３００x250", 300],
)
def test_anything_else_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_size(text)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_told(segments_file) -> None:
    path = segments_file(WHOLE)
    path.chmod(0)

    with pytest.raises(InvalidInput, match="cannot be read: Permission denied"):
        load_segments(path, DEFAULTS, PRODUCTS)

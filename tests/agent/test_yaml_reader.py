"""The strict reader: every file has one plain meaning, or one line that says what to mend."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.yaml_reader import LIMIT_BYTES, LIMIT_DEPTH, read, read_with_lines
from contract.errors import FeldsherError


def refusal(content: bytes | str) -> FeldsherError:
    with pytest.raises(FeldsherError) as caught:
        read(content.encode() if isinstance(content, str) else content, "rules/x.yaml")
    return caught.value


def test_plain_data_comes_through_as_written() -> None:
    """The author of a rule would otherwise test something else than he wrote."""
    text = """
        rule: dns-dead   # a comment
        title: {en: "Names do not resolve: {server}", ru: "Сервер имён"}
        prior: 0.25
        count: 20_000
        negative: -3
        address: 10.0.0.1
        version: 1.2.0
        size: 20 MiB
        time: 10m
        truth: true
        lie: false
        nothing: null
        empty:
        quoted: "3.10"
        list: [a, 1, {b: c}]
        long: |
          two
          lines
    """
    assert read(text.encode(), "x") == {
        "rule": "dns-dead",
        "title": {"en": "Names do not resolve: {server}", "ru": "Сервер имён"},
        "prior": 0.25,
        "count": 20_000,
        "negative": -3,
        "address": "10.0.0.1",
        "version": "1.2.0",
        "size": "20 MiB",
        "time": "10m",
        "truth": True,
        "lie": False,
        "nothing": None,
        "empty": None,
        "quoted": "3.10",
        "list": ["a", 1, {"b": "c"}],
        "long": "two\nlines\n",
    }


REFUSED = [
    ("a: &x 1", "yaml-alias", "1:4"),
    ("a: 1\nb: *x", "yaml-alias", "2:4"),
    ("&a [*a]", "yaml-alias", "1:1"),
    ("a: {<<: {b: 1}}", "yaml-alias", "1:5"),
    ("a: !!python/object/apply:os.system [id]", "yaml-tag", "1:4"),
    ("a: !!binary aGk=", "yaml-tag", "1:4"),
    ("a: !custom 1", "yaml-tag", "1:4"),
    ("a: ! 1", "yaml-tag", "1:4"),
    ("%YAML 1.1\n---\na: 1", "yaml-tag", "1:1"),
    ("%TAG ! tag:x,2000:\n---\na: 1", "yaml-tag", "1:1"),
    ("a: 1\n---\nb: 1", "yaml-documents", "2:1"),
    ("- a", "yaml-root", "1:1"),
    ("just words", "yaml-root", "1:1"),
    ("", "yaml-root", "1:1"),
    ("# only a comment", "yaml-root", "1:1"),
    ("a: [1, 2", "yaml-syntax", "2:1"),
    ("a: b: c", "yaml-syntax", "1:5"),
    ("a:\n\tb: 1", "yaml-syntax", "2:1"),
    ("? [a]\n: 1", "yaml-syntax", "1:3"),
    ("1: a", "yaml-ambiguous", "1:1"),
    ("true: a", "yaml-ambiguous", "1:1"),
]


@pytest.mark.parametrize(("text", "slug", "at"), REFUSED)
def test_what_hides_meaning_is_refused_where_it_stands(text: str, slug: str, at: str) -> None:
    """A reviewer must be able to trust that a file does what it says."""
    error = refusal(text)
    assert (error.slug, error.where) == (slug, f"rules/x.yaml:{at}")
    assert error.remedy
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "word",
    [
        *("yes", "no", "on", "off", "Yes", "NO", "On", "y", "N", "True", "FALSE", "~", "Null"),
        *("12:30", "190:20:30", "1:30.5", "3.10", "1.0e3", "1e9", "0777", "0o17", "0x1F", "0b1", "+1", ".5", "5."),
        *("2026-11-22", "2026-11-22T10:00:00Z", ".inf", "-.inf", ".NaN", "=", "1_0", "1_000.5", "9" * 19, "9" * 5000),
    ],
)
def test_a_word_of_two_meanings_must_be_quoted(word: str) -> None:
    """``version: 3.10`` would be 3.1 and ``country: no`` a lie, and nobody would see it."""
    assert refusal(f"a: {word}").slug == "yaml-ambiguous"
    assert read(f'a: "{word}"'.encode(), "x") == {"a": word}


@pytest.mark.parametrize("depth_text", ["a:\n  run: 1\n  run: 2", "run: 1\nb: 3\nrun: 2", "a: [{run: 1,\n run: 2}]"])
def test_a_key_written_twice_names_both_lines(depth_text: str) -> None:
    """The author would lose the first of two ``run:`` without a word."""
    error = refusal(depth_text)
    assert error.slug == "yaml-duplicate-key"
    lines = [number for number, line in enumerate(depth_text.split("\n"), 1) if "run" in line]
    assert f"line {lines[0]} and again on line {lines[1]}" in error.what


@pytest.mark.parametrize(
    "point",
    [
        "\u2028",
        "\u2029",
        "\u0085",
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200f",
        "\ufeff",
        "\x00",
        "\x1b",
        "\U000e0041",
        "\r",
    ],
)
def test_an_invisible_character_is_refused_with_its_code_point(point: str) -> None:
    """``# harmless<LS>run: …`` looks like a comment to every reviewer."""
    error = refusal(f"a: 1\n# harmless{point}run: rm")
    assert error.slug == "yaml-control"
    assert f"U+{ord(point):04X}" in error.what
    assert error.where == "rules/x.yaml:2:11"


def test_an_invisible_character_does_not_come_in_by_an_escape() -> None:
    r"""The text ``"\u202e"`` is visible in the file and invisible in the consent question."""
    assert refusal(r'a: "\u202e"').slug == "yaml-control"
    assert refusal(r'a: "\0"').slug == "yaml-control"


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfa: 1", "a: 1".encode("utf-16"), b"a: 1\nb: \xff", "а: 1".encode("cp1251")]
)
def test_only_utf8_without_a_mark_is_read(content: bytes) -> None:
    """A file saved by an old editor would show other letters to the customer."""
    error = refusal(content)
    assert error.slug == "yaml-encoding"
    assert error.where.startswith("rules/x.yaml:")


DEEP = {
    "flow lists": b"a: " + b"[" * 10_000,
    "flow mappings": b"{a: " * 10_000,
    "compact lists": b"- " * 10_000,
    "compact keys": b"? " * 10_000,
    "indentation": "".join(" " * depth + "a:\n" for depth in range(700)).encode(),
    "as many as fit": b"[" * LIMIT_BYTES,
    "after a quote": b"a: '[' \nb: " + b"[" * 10_000,
}


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP.keys())
def test_depth_is_refused_quickly_and_without_a_crash(content: bytes) -> None:
    """Ten thousand brackets end the whole process through PyYAML's composer."""
    started = time.process_time()
    error = refusal(content)
    # Not a measurement: a reader that descends takes seconds, or dies.
    assert time.process_time() - started < 1
    assert error.slug in {"yaml-depth", "yaml-syntax"}


def test_sixteen_deep_is_the_most() -> None:
    """One more than the page says must be refused, one less must not."""
    fits = b"a: " + b"[" * (LIMIT_DEPTH - 1) + b"]" * (LIMIT_DEPTH - 1)
    assert read(fits, "x")
    assert refusal(b"a: " + b"[" * LIMIT_DEPTH + b"]" * LIMIT_DEPTH).slug == "yaml-depth"


def test_brackets_in_text_are_no_depth() -> None:
    """A sentence with brackets in it is a sentence."""
    assert read(b"a: '" + b"[" * 100 + b"'\nb: |\n  " + b"{" * 100 + b"\n# " + b"[" * 100, "x")


def test_alias_bombs_are_refused_before_they_grow() -> None:
    """342 bytes can otherwise ask for all the memory there is."""
    bomb = "a: &a [x,x,x]\n" + "".join(
        f"{b}: &{b} [*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert refusal(bomb).slug == "yaml-alias"


def test_a_file_too_large_is_not_even_read() -> None:
    """A quarter of a megabyte is a hundred playbooks."""
    assert refusal(b"a: 1\n" + b"#" * LIMIT_BYTES).slug == "yaml-size"


def test_lines_are_known_for_later_errors() -> None:
    """A misspelled key in step three is otherwise looked for by eye."""
    document = read_with_lines(b"a: 1\nsteps:\n  - name: first\n    do: {b: 1}\n  - name: second\n", "book.yaml")
    assert document.line_of(("steps", 0, "do", "b")) == 4
    assert document.line_of(("steps", 1)) == 5
    assert document.line_of(("steps", 1, "missing")) == 5
    assert document.line_of(()) == 1
    assert document.at(("steps", 0, "do")) == "book.yaml:4:5"


def test_six_kilobytes_are_read_in_a_moment() -> None:
    """The whole library is read at every start of the hands."""
    text = "\n".join(
        f"key{number}: {{en: 'a sentence of words', ru: 'строка', weight: 2.5}}" for number in range(90)
    ).encode()
    assert len(text) > 6000
    best = min(_seconds(text) for _ in range(5))
    assert best < 0.02, "ten times what it takes on an idle machine"


def _seconds(text: bytes) -> float:
    started = time.perf_counter()
    read(text, "x")
    return time.perf_counter() - started


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%#\n \t1.~<=@`"), max_size=60).map(str.encode),
    )
)
def test_whatever_comes_it_is_read_or_refused(content: bytes) -> None:
    """Any other exception would be a stack trace on a technician's screen."""
    try:
        value = read(content, "x")
    except FeldsherError as error:
        assert error.slug.startswith("yaml-")  # noqa: PT017 - either outcome is right; only its kind is checked
    else:
        assert isinstance(value, dict)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(
        st.characters(
            min_codepoint=32, max_codepoint=0x4FF, exclude_characters="\x7f\xad\u0085", exclude_categories=["Cc", "Cf"]
        )
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=6), PLAIN, max_size=4))
def test_agrees_with_the_safe_loader_on_what_is_plain(value: dict[str, object]) -> None:
    """Another reader of the same file must not see another file."""
    text = yaml.safe_dump(value, allow_unicode=True)
    try:
        seen = read(text.encode(), "x")
    except FeldsherError as error:
        assert error.slug in {"yaml-alias", "yaml-depth", "yaml-ambiguous", "yaml-control"}  # noqa: PT017 - stricter is fine
    else:
        assert seen == yaml.safe_load(text)

"""Server-sent events, gathered from any split of their bytes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.wire.sse import WholeEvents, format_event, payload, split_events


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a", b"a"),
        (b"data:a", b"a"),
        (b"data:  a", b" a"),
        (b"data", b""),
        (b"data: a\ndata: b", b"a\nb"),
        (b"data: a\r\ndata: b", b"a\nb"),
        (b"data: a\rid: 1", b"a"),
        (b": comment", None),
        (b"event: ping\nid: 1\nretry: 3", None),
        (b"event: message\ndata: a\n: and a comment", b"a"),
        (b"\ndata: a", b"a"),
        (b"dataset: a", None),
        (b"data: a: b", b"a: b"),
    ],
)
def test_the_payload_of_an_event(event: bytes, data: bytes | None) -> None:
    assert payload(event) == data


def test_an_event_as_written_is_read() -> None:
    assert [payload(event) for event in split_events(format_event(b"{}"))] == [b"{}", None]


lines = st.sampled_from([b"data: a", b"data: bb", b": c", b"event: e", b"id", b"data", b"", b"x" * 9])
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(lines, ends), max_size=12), st.lists(st.integers(0, 100), max_size=6))
def test_any_split_gives_the_same_payloads(written: list[tuple[bytes, bytes]], places: list[int]) -> None:
    # What the specification says, line by line.
    expected: list[bytes] = []
    open_lines: list[bytes] = []
    data = b""
    for line, end in written:
        # A CR that a LF follows is one line end with it, whoever wrote them.
        data += line + end
    for line in data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]:
        if line:
            open_lines.append(line)
            continue
        found = [value[5:].removeprefix(b" ") for value in open_lines if value == b"data" or value.startswith(b"data:")]
        if found:
            expected.append(b"\n".join(found))
        open_lines = []
    whole = WholeEvents(1000)
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    given_back = [whole.feed(data[start:end]) for start, end in itertools.pairwise(borders)]
    payloads = [payload(event) for piece in given_back for event in split_events(piece)]
    assert [found for found in payloads if found is not None] == expected
    assert data.startswith(b"".join(given_back))


@pytest.mark.parametrize("step_bytes", [1, 3, 1000])
def test_an_event_over_the_bound_ends_it_all(step_bytes: int) -> None:
    data = b"data: ok\n\n" + b"data: " + b"x" * 100 + b"\n\ndata: more\n\n"
    whole = WholeEvents(50)
    given_back = [whole.feed(data[start : start + step_bytes]) for start in range(0, len(data), step_bytes)]
    assert b"".join(given_back) == b"data: ok\n\n"
    assert whole.overflow
    assert whole.feed(b"data: late\n\n") == b""


def test_an_event_of_exactly_the_bound_passes() -> None:
    event = b"data: " + b"x" * 44
    for step_bytes in (1, 1000):
        whole = WholeEvents(50)
        data = event + b"\n\n"
        given_back = [whole.feed(data[start : start + step_bytes]) for start in range(0, len(data), step_bytes)]
        assert b"".join(given_back) == data
        assert not whole.overflow


@pytest.mark.parametrize("step_bytes", [1, 53])
def test_a_line_end_too_many_is_no_event(step_bytes: int) -> None:
    data = b"data: " + b"x" * 44 + b"\n\n\n"
    whole = WholeEvents(50)
    for start in range(0, len(data), step_bytes):
        whole.feed(data[start : start + step_bytes])
    assert not whole.overflow


def test_several_byte_order_marks_hide_nothing_from_one_reader_alone() -> None:
    assert WholeEvents(50).feed(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n") == b"data: a\n\n"


def test_a_byte_order_mark_counts_only_at_the_start() -> None:
    whole = WholeEvents(50)
    assert whole.feed(b"\xef\xbb") == b""
    assert whole.feed(b"\xbfdata: a\n\n") == b"data: a\n\n"
    assert payload(whole.feed(b"\xef\xbb\xbfdata: b\n\n").removesuffix(b"\n\n")) is None


@pytest.mark.parametrize("pieces", [[b"data: a\r\r\ndata: b\r\r"], [b"data: a\r\r", b"\ndata: b\r\r"]])
def test_a_line_end_cut_in_two_counts_once(pieces: list[bytes]) -> None:
    """The second event is as long as the bound, and the line feed before it is not its own."""
    whole = WholeEvents(len(b"data: b"))
    given = [payload(event) for piece in pieces for event in split_events(whole.feed(piece)) if event]
    assert (given, whole.overflow) == ([b"a", b"b"], False)

"""What is remembered of texts without finds."""

from ecotone.policy.clean_texts import CleanTexts
from ecotone.policy.detectors import Detectors
from ecotone.policy.inspection import inspect


def test_the_latest_are_remembered_and_older_ones_forgotten() -> None:
    clean = CleanTexts(each_max=2)
    digests = [clean.digest(text) for text in "abcde"]
    for digest in digests:
        clean.add(digest)
    assert [digest in clean for digest in digests] == [False, False, True, True, True]


def test_no_other_process_can_tell_what_a_digest_stands_for() -> None:
    assert CleanTexts().digest("a") != CleanTexts().digest("a")


def test_a_second_look_finds_what_the_first_did() -> None:
    """Also where a value means something under one key and nothing under another, or beside another text."""
    detectors = Detectors()
    requests = [
        {"messages": [{"role": "user", "content": "hello"}]},
        {"messages": [{"role": "user", "content": "4111 1111"}]},
        {"messages": [{"role": "user", "content": [{"text": "4111 1111"}, {"text": " 1111 1111"}]}]},
        {"note": "Xk7#pQ9z!Lm2"},
        {"password": "Xk7#pQ9z!Lm2"},
        {"messages": [{"role": "user", "content": "4111 1111 1111 1111"}]},
    ]
    first = [inspect(request, Detectors()).kinds for request in requests]
    for _ in range(2):
        assert [inspect(request, detectors).kinds for request in requests] == first
    assert first == [set(), set(), {"credit_card"}, set(), {"secret"}, {"credit_card"}]

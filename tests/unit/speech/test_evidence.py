"""Whether what fails in one chat fails because of that chat."""

from __future__ import annotations

from mycel_runtime.speech.evidence import Evidence, Operation

SEND, READ = Operation.SEND, Operation.READ


def test_what_succeeds_elsewhere_since_is_this_chats_fault():
    evidence = Evidence()
    evidence.done(SEND, "b", 5.0)

    assert evidence.is_of_one_chat(SEND, "a", since=4.0)
    assert not evidence.is_of_one_chat(SEND, "a", since=5.0)


def test_its_own_success_and_that_of_another_operation_say_nothing():
    evidence = Evidence()
    evidence.done(SEND, "a", 5.0)
    evidence.done(READ, "b", 5.0)

    assert not evidence.is_of_one_chat(SEND, "a", since=4.0)


def test_a_failure_of_yet_another_chat_is_trouble_of_all_until_one_succeeds_again():
    evidence = Evidence()
    evidence.done(SEND, "b", 5.0)
    evidence.failed(SEND, "a", 6.0)
    assert evidence.is_of_one_chat(SEND, "a", since=4.0)
    evidence.failed(SEND, "c", 7.0)
    assert not evidence.is_of_one_chat(SEND, "a", since=4.0)

    evidence.done(SEND, "b", 8.0)

    assert evidence.is_of_one_chat(SEND, "a", since=4.0)


def test_a_chat_that_is_busier_than_all_others_hides_none_of_them():
    evidence = Evidence()
    evidence.done(SEND, "b", 5.0)
    for second in range(100):
        evidence.done(SEND, "a", 6.0 + second)

    assert evidence.is_of_one_chat(SEND, "a", since=4.0)

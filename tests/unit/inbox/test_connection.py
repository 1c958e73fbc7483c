"""Whoever looks at the server says that another connection is wanted, and the one that stands ends by it, once."""

from __future__ import annotations

from mycel_runtime.inbox.connection import CurrentConnection


def test_each_connection_has_another_number_while_it_stands():
    connection, numbers = CurrentConnection(), []
    for _ in range(2):
        numbers.append(connection.number)
        connection.begin(lambda _reason: None)
        numbers.append(connection.number)
        connection.end()

    assert [*numbers, connection.number] == [None, 1, None, 2, None]


def test_what_stands_is_replaced_once_and_stands_no_more():
    connection, reasons = CurrentConnection(), []
    connection.replace_if("nothing stands")
    connection.begin(reasons.append)
    connection.replace_if("")
    assert (connection.number, reasons) == (1, [])

    connection.replace_if("deaf")
    connection.replace_if("deaf again")
    assert (connection.number, reasons) == (None, ["deaf"])


def test_a_reason_that_comes_after_the_end_is_for_nobody():
    connection, reasons = CurrentConnection(), []
    connection.begin(reasons.append)
    connection.end()
    connection.replace_if("deaf")
    assert reasons == []

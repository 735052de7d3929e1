import pytest

from forecaster.names import ASKED_SECONDS, MAX_NAMES, WITHIN_S, NewNames


def test_a_name_asked_for_in_ten_seconds_becomes_a_series_with_all_that_came_before():
    names = NewNames()
    counts = [(second, second % 2) for second in range(100, 100 + 2 * ASKED_SECONDS)]
    answers = [names.tell("digits", *one, known=False) for one in counts[1:]]
    assert answers[:-1] == [[]] * (len(answers) - 1)
    assert answers[-1] == counts[1:], "zeros in between are readings too"


def test_what_waited_at_one_router_counts_too_when_another_has_made_the_name_a_series():
    names = NewNames()
    assert names.tell("digits", 100, 3, known=False) == []
    assert names.tell("digits", 101, 4, known=True) == [(100, 3), (101, 4)]
    assert names.tell("digits", 102, 5, known=True) == [(102, 5)]


def test_a_misspelt_name_and_its_retries_make_no_series_however_long_its_zeros_go_on():
    names = NewNames()
    for second in range(4 * WITHIN_S):
        arrivals = 3 if second < ASKED_SECONDS - 1 or second == 2 * WITHIN_S else 0
        assert names.tell("digts", second, arrivals, known=False) == []
    assert not names._waiting


def test_names_that_a_client_invents_take_a_bounded_room():
    names = NewNames()
    for number in range(5 * MAX_NAMES):
        names.tell(f"name-{number}", 0, 1, known=False)
    assert len(names._waiting) == MAX_NAMES


@pytest.mark.parametrize("name", ["a\x1b[2J", "two\nlines", "m" * 251])
def test_a_name_that_nobody_could_read_is_none_however_often_it_is_asked_for(name: str):
    names = NewNames()
    assert not any(names.tell(name, second, 1, known=False) for second in range(100))

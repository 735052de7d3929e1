"""Outstanding counts can't leak, and the least loaded replica is picked."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.balancer import Balancer
from router.leases import Lease, Leases


def first(_n: int) -> int:
    return 0


def test_the_fewest_outstanding_is_picked_from_all():
    counts = {"a": 3, "b": 1, "c": 2}
    assert Balancer(counts.__getitem__, first).pick("abc") == "b"


def test_replicas_that_were_tried_are_left_out():
    balancer = Balancer({"a": 0, "b": 5, "c": 9}.__getitem__, first)
    assert balancer.pick("abc", exclude={"a"}) == "b"
    assert balancer.pick("abc", exclude={"a", "b", "c"}) is None
    assert balancer.pick("") is None


def test_ties_are_drawn_evenly_among_the_tied_only():
    balancer = Balancer({"a": 1, "b": 0, "c": 0, "d": 0}.__getitem__, random.Random(7).randrange)
    picks = Counter(balancer.pick("abcd") for _ in range(3000))
    assert set(picks) == {"b", "c", "d"}
    assert all(800 < count < 1200 for count in picks.values())


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 50)), st.sets(st.text(min_size=1)), st.integers())
def test_a_pick_is_never_busier_than_any_other_choice(counts, exclude, seed):
    pick = Balancer(counts.__getitem__, random.Random(seed).randrange).pick(list(counts), exclude)
    choices = counts.keys() - exclude
    if not choices:
        assert pick is None
    else:
        assert pick in choices
        assert counts[pick] == min(counts[choice] for choice in choices)


def test_with_equal_work_the_counts_never_differ_by_more_than_one():
    leases = Leases()
    balancer = Balancer(leases.on_backend, random.Random(1).randrange)
    for _ in range(100):
        address = balancer.pick("abcdefg")
        assert address is not None
        leases.take(address, "digits")
    counts = leases.by_backend().values()
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt])
def test_a_lease_is_given_back_however_its_block_ends(ending):
    leases = Leases()

    def work() -> None:
        with leases.take("a", "digits"):
            assert leases.on_backend("a") == leases.of_model("digits") == 1
            if ending is not None:
                raise ending

    if ending is None:
        work()
    else:
        with pytest.raises(ending):
            work()
    assert leases.by_backend() == leases.by_model() == {}


def test_a_second_release_changes_nothing():
    leases = Leases()
    kept, released = leases.take("a", "m"), leases.take("a", "m")
    released.release()
    released.release()
    with released:
        pass
    assert leases.on_backend("a") == 1
    kept.release()
    assert leases.by_backend() == {}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.sampled_from("abc"), st.sampled_from(["m", "n"])),
        st.tuples(st.just("release"), st.integers(0, 30)),
    ),
    max_size=60,
)


@given(STEPS)
def test_counts_are_those_of_the_leases_that_are_held_and_zero_at_rest(steps):
    leases, taken = Leases(), list[Lease]()
    for step in steps:
        if step[0] == "take":
            taken.append(leases.take(step[1], step[2]))
        elif taken:
            taken[step[1] % len(taken)].release()
        held = [lease for lease in taken if not lease.released]
        assert leases.by_backend() == Counter(lease.backend for lease in held)
        assert leases.by_model() == Counter(lease.model for lease in held)
    for lease in taken:
        lease.release()
    assert leases.by_backend() == leases.by_model() == {}

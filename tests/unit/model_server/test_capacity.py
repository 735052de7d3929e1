import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.capacity import Capacity


def test_nothing_is_known_before_the_first_batch() -> None:
    capacity = Capacity(32)
    assert capacity.rows_per_s() is None
    assert capacity.batch_s(1) is None


@given(start=st.floats(0.001, 1.0), slope=st.floats(1e-5, 0.1), sizes=st.lists(st.integers(1, 32), min_size=1))
def test_a_straight_line_is_found_exactly(start: float, slope: float, sizes: list[int]) -> None:
    capacity = Capacity(32, parallel=2)
    for rows in (1, 32):
        capacity.anchor(rows, start + slope * rows)
    for rows in sizes:
        capacity.observe(rows, start + slope * rows)
    assert capacity.batch_s(8) == pytest.approx(start + slope * 8, rel=1e-6)
    assert capacity.rows_per_s() == pytest.approx(2 * 32 / (start + slope * 32), rel=1e-6)


def test_the_slope_outlives_an_hour_of_single_rows() -> None:
    capacity = Capacity(32)
    capacity.anchor(1, 0.010)
    capacity.anchor(32, 0.041)
    for _ in range(100_000):
        capacity.observe(1, 0.010)
    assert capacity.rows_per_s() == pytest.approx(32 / 0.041, rel=0.05)


def test_a_slower_device_shows_within_a_few_hundred_batches() -> None:
    capacity = Capacity(32)
    capacity.anchor(1, 0.010)
    capacity.anchor(32, 0.041)
    for _ in range(400):
        capacity.observe(16, 0.050)
        capacity.observe(32, 0.082)
    assert capacity.rows_per_s() == pytest.approx(32 / 0.082, rel=0.05)


def test_one_size_alone_is_taken_as_it_is_and_as_the_worst_for_larger_ones() -> None:
    capacity = Capacity(8)
    for _ in range(3):
        capacity.observe(4, 0.2)
    assert capacity.batch_s(4) == pytest.approx(0.2)
    assert capacity.batch_s(8) == pytest.approx(0.4)
    assert capacity.batch_s(1) == pytest.approx(0.2)  # smaller ones are not known to be quicker


@given(st.lists(st.tuples(st.integers(1, 32), st.floats(1e-6, 10.0)), min_size=1))
def test_noise_never_makes_time_negative_or_larger_batches_quicker(batches: list[tuple[int, float]]) -> None:
    capacity = Capacity(32)
    for rows, seconds in batches:
        capacity.observe(rows, seconds)
    one, full, rate = capacity.batch_s(1), capacity.batch_s(32), capacity.rows_per_s()
    assert one is not None
    assert full is not None
    assert rate is not None
    assert 0 < one <= full * (1 + 1e-9)
    assert rate > 0

from pathlib import Path

import numpy as np
import pytest

from forecaster import csv_files
from tidegate.shared.errors import InvalidSeries


def read(tmp_path: Path, text: str):
    file = tmp_path / "trace.csv"
    file.write_text(text)
    return csv_files.read(file)


def test_epoch_seconds_and_empty_values(tmp_path: Path):
    series, form = read(tmp_path, "timestamp,value\n60,1\n120,\n180,2.5\n")
    assert (series.model, series.start_s, series.step_s) == ("trace", 60.0, 60.0)
    np.testing.assert_array_equal(series.rate_rps, [1, np.nan, 2.5])
    assert form.write(240.0) == "240"


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-01T00:10:00Z", "2025-01-01T00:20:00Z"),
        ("2025-01-01T00:00:00+00:00", "2025-01-01T00:10:00+00:00", "2025-01-01T00:20:00+00:00"),
        ("2025-01-01T05:30:00+05:30", "2025-01-01T05:40:00+05:30", "2025-01-01T05:50:00+05:30"),
        ("1735689600", "1735690200", "1735690800"),
        ("1735689600.5", "1735690200.5", "1735690800.5"),
    ],
)
def test_times_are_written_as_the_file_writes_them(tmp_path: Path, first: str, second: str, third: str):
    series, form = read(tmp_path, f"timestamp,value\n{first},1\n{second},2\n")
    assert series.step_s == 600.0
    assert [form.write(time_s) for time_s in series.times_s()] == [first, second]
    assert form.write(series.end_s) == third


def test_rows_left_out_are_a_gap(tmp_path: Path):
    series, _ = read(tmp_path, "timestamp,value\n0,1\n1,2\n4,5\n")
    np.testing.assert_array_equal(series.rate_rps, [1, 2, np.nan, np.nan, 5])


def test_a_file_may_begin_with_a_gap(tmp_path: Path):
    series, _ = read(tmp_path, "timestamp,value\n0,1\n3,2\n4,3\n5,4\n")
    assert series.step_s == 1.0
    np.testing.assert_array_equal(series.rate_rps, [1, np.nan, np.nan, 2, 3, 4])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the header is ''"),
        ("time,value\n1,2\n", "line 1: the header is 'time,value'"),
        ("timestamp,value\n1,2\n", "1 rows; two at least"),
        ("timestamp,value\n0,1\n10,x\n", "line 3: value 'x' is not a number"),
        ("timestamp,value\n0,1\n10,-2\n", "line 3: value -2 must lie within"),
        ("timestamp,value\n0,1\n10,inf\n", "line 3: value inf must lie within"),
        ("timestamp,value\n0,1\n10,1e300\n", "line 3: value 1e300 must lie within 0 and 1e+15"),
        (
            "timestamp,value\n0,1\n1,1\n900001,1\n1800001,1\n",
            "line 3: 1 s after the line before; the file's step is 900000",
        ),
        ("timestamp,value\n0,1\n1e-9,1\n2e-9,1\n", "step_s is 0"),
        ("timestamp,value\n0,1\n10,2,3\n", "line 3: 3 columns"),
        ("timestamp,value\n0,1\n10,2\n25,3\n", "line 4: 15 s after the line before; the file's step is 10 s"),
        ("timestamp,value\n0,1\n10,2\n10,3\n", "line 4: 10 does not come after"),
        ("timestamp,value\nyesterday,1\n", "line 2: 'yesterday' is neither"),
        ("timestamp,value\n2025-01-01T00:00:00,1\n", "line 2: '2025-01-01T00:00:00' has no time zone"),
        ("timestamp,value\nnan,1\n", "line 2: 'nan' is not a time"),
        ("timestamp,value\n1700000000000,1\n", "line 2: '1700000000000' is not epoch seconds; milliseconds?"),
        ("timestamp,value\n-60,1\n", "line 2: '-60' is not epoch seconds"),
        ("timestamp,value\n60," + "1" * 200_000 + "\n", "can't be read as CSV: field larger"),
    ],
)
def test_what_can_not_be_read_is_named_by_its_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(InvalidSeries) as raised:
        read(tmp_path, text)
    assert said in str(raised.value)


def test_gaps_without_number_are_refused_before_they_take_memory(tmp_path: Path):
    rows = [f"{900_000 * gap + second},1" for gap in range(400) for second in range(2)]
    with pytest.raises(InvalidSeries, match="rows are missing, over 4000000; its step, the commonest distance"):
        read(tmp_path, "timestamp,value\n" + "\n".join(rows) + "\n")


def test_the_mark_at_the_head_of_a_spreadsheets_file_is_no_part_of_the_header(tmp_path: Path):
    series, _ = read(tmp_path, "\ufefftimestamp,value\r\n0,1\r\n1,2\r\n")
    np.testing.assert_array_equal(series.rate_rps, [1, 2])


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path):
    with pytest.raises(InvalidSeries, match="No such file"):
        csv_files.read(tmp_path / "none.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidSeries, match="is not text"):
        csv_files.read(binary)

"""Several backends' answers as one server's."""

from protos import inference_pb2 as pb
from router.merging import merge_indexes, merge_statistics


def index(*models: tuple[str, str, str]) -> pb.RepositoryIndexResponse:
    return pb.RepositoryIndexResponse(
        models=[{"name": name, "version": version, "state": state} for name, version, state in models]
    )


def test_each_version_stands_once_and_ready_wins():
    merged = merge_indexes(
        [
            index(("digits", "2", "LOADING"), ("digits", "1", "READY")),
            index(("digits", "2", "READY"), ("faces", "1", "UNAVAILABLE")),
            index(("digits", "2", "UNAVAILABLE"), ("faces", "1", "never heard of")),
        ]
    )
    assert [(model.name, model.version, model.state) for model in merged.models] == [
        ("digits", "1", "READY"),
        ("digits", "2", "READY"),
        ("faces", "1", "UNAVAILABLE"),
    ]


def statistics(rows: int, batch_size: int, last: int) -> pb.ModelStatisticsResponse:
    model = pb.ModelStatistics(name="digits", version="1", last_inference=last, inference_count=rows, execution_count=2)
    model.inference_stats.success.count = rows
    model.inference_stats.queue.ns = 10 * rows
    batch = model.batch_stats.add(batch_size=batch_size)
    batch.compute_infer.count = 2
    batch.compute_infer.ns = 100
    return pb.ModelStatisticsResponse(model_stats=[model])


def test_statistics_are_summed_per_model_version_and_batch_size():
    merged = merge_statistics([statistics(3, 4, last=7), statistics(5, 4, last=9), statistics(1, 8, last=2)])
    (model,) = merged.model_stats
    assert (model.last_inference, model.inference_count, model.execution_count) == (9, 9, 6)
    assert (model.inference_stats.success.count, model.inference_stats.queue.ns) == (9, 90)
    assert {batch.batch_size: batch.compute_infer.ns for batch in model.batch_stats} == {4: 200, 8: 100}

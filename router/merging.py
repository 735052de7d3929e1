"""Several backends' answers as one: through the router a client sees one server."""

from collections.abc import Iterable

from protos import inference_pb2 as pb

_STATES = ("READY", "LOADING", "UNLOADING", "UNAVAILABLE")
"""Of a model that backends see differently, the first of these wins: it can be asked for where it is ready."""


def merge_indexes(indexes: Iterable[pb.RepositoryIndexResponse]) -> pb.RepositoryIndexResponse:
    """All models of all backends, each version once, ordered by name and version."""
    best: dict[tuple[str, str], pb.RepositoryIndexResponse.ModelIndex] = {}
    for index in indexes:
        for model in index.models:
            key = (model.name, model.version)
            if key not in best or _rank(model.state) < _rank(best[key].state):
                best[key] = model
    return pb.RepositoryIndexResponse(models=[best[key] for key in sorted(best)])


def _rank(state: str) -> int:
    return _STATES.index(state) if state in _STATES else len(_STATES)


def merge_statistics(responses: Iterable[pb.ModelStatisticsResponse]) -> pb.ModelStatisticsResponse:
    """Counts and durations summed over backends per model, version and batch size; the last inference is the latest."""
    merged: dict[tuple[str, str], pb.ModelStatistics] = {}
    for response in responses:
        for model in response.model_stats:
            key = (model.name, model.version)
            if key in merged:
                _add(merged[key], model)
            else:
                merged[key] = model
    return pb.ModelStatisticsResponse(model_stats=[merged[key] for key in sorted(merged)])


def _add(total: pb.ModelStatistics, more: pb.ModelStatistics) -> None:
    total.last_inference = max(total.last_inference, more.last_inference)
    total.inference_count += more.inference_count
    total.execution_count += more.execution_count
    for name in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
        _add_duration(getattr(total.inference_stats, name), getattr(more.inference_stats, name))
    of_size = {batch.batch_size: batch for batch in total.batch_stats}
    for batch in more.batch_stats:
        if batch.batch_size in of_size:
            for name in ("compute_input", "compute_infer", "compute_output"):
                _add_duration(getattr(of_size[batch.batch_size], name), getattr(batch, name))
        else:
            total.batch_stats.append(batch)


def _add_duration(total: pb.StatisticDuration, more: pb.StatisticDuration) -> None:
    total.count += more.count
    total.ns += more.ns

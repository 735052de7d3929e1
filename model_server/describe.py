"""What the server says about its models, as messages of inference.proto."""

from collections.abc import Sequence

from model_server.models import NO_VERSION, Entry
from model_server.servable import Servable
from model_server.signature import TensorSpec
from model_server.statistics import Total
from protos import inference_pb2 as pb


def metadata(servable: Servable, versions: Sequence[int]) -> pb.ModelMetadataResponse:
    """The model's tensors, with the batch dimension."""
    return pb.ModelMetadataResponse(
        name=servable.name,
        versions=[str(number) for number in versions],
        platform=servable.platform,
        inputs=[_tensor(spec) for spec in servable.signature.inputs],
        outputs=[_tensor(spec) for spec in servable.signature.outputs],
    )


def config(servable: Servable) -> pb.ModelConfig:
    """The configuration in Triton's terms: max_batch_size 0 and full dims for a model that is not batched."""
    batched = not servable.unbatched_reason
    gpu = servable.device.kind == "cuda"
    group = pb.ModelInstanceGroup(
        name=servable.name,
        count=servable.config.instances,
        kind=pb.ModelInstanceGroup.KIND_GPU if gpu else pb.ModelInstanceGroup.KIND_CPU,
        gpus=[servable.device.index] if gpu else [],
    )
    message = pb.ModelConfig(
        name=servable.name,
        platform=servable.platform,
        backend=servable.platform.partition("_")[0],
        max_batch_size=servable.max_batch_rows if batched else 0,
        instance_group=[group],
    )
    for spec in servable.signature.inputs:
        message.input.add(name=spec.name, data_type=_data_type(spec), dims=spec.dims[1:] if batched else spec.dims)
    for spec in servable.signature.outputs:
        message.output.add(name=spec.name, data_type=_data_type(spec), dims=spec.dims[1:] if batched else spec.dims)
    if batched:
        delay_us = round(servable.config.max_queue_delay_s * 1e6)
        message.dynamic_batching.CopyFrom(pb.ModelDynamicBatching(max_queue_delay_microseconds=delay_us))
    return message


def statistics(servable: Servable) -> pb.ModelStatistics:
    """Figures since the start. Joining, splitting and copying a batch's tensors counts as inference."""
    figures = servable.statistics
    message = pb.ModelStatistics(
        name=servable.name,
        version=str(servable.version),
        last_inference=round(figures.last_inference_s * 1000),
        inference_count=figures.rows,
        execution_count=figures.batch_count,
        inference_stats=pb.InferStatistics(
            success=_duration(figures.success),
            fail=_duration(figures.fail),
            queue=_duration(figures.queue),
            compute_infer=_duration(figures.infer),
        ),
    )
    for rows, total in sorted(figures.batches.items()):
        message.batch_stats.add(batch_size=rows, compute_infer=_duration(total))
    return message


def index_entry(name: str, number: int, entry: Entry) -> pb.RepositoryIndexResponse.ModelIndex:
    """One line of the repository index."""
    shown = "" if number == NO_VERSION else str(number)
    return pb.RepositoryIndexResponse.ModelIndex(name=name, version=shown, state=entry.state, reason=entry.reason)


def failed(request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    """What goes with the error message of a request on a stream, so that the client knows whose it is."""
    return pb.ModelInferResponse(model_name=request.model_name, model_version=request.model_version, id=request.id)


def _tensor(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.dims)


def _data_type(spec: TensorSpec) -> pb.DataType:
    result: pb.DataType = pb.DataType.Value("TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}")
    return result


def _duration(total: Total) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=total.count, ns=round(total.seconds * 1e9))

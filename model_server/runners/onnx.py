"""ONNX models by ONNX Runtime, on the CPU or on an NVIDIA GPU."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from model_server.devices import CPU, Device
from model_server.repository import ModelConfig
from model_server.runners.common import fall_back, one_line
from model_server.runners.naming import signature_of
from model_server.signature import Signature, TensorSpec
from tidegate.shared.errors import InvalidTensor, ModelFailed, ModelLoadFailed
from tidegate.shared.tensors import Array, Tensors

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


class OnnxRunner:
    """One ONNX Runtime session."""

    platform = "onnx_onnxv1"

    def __init__(self, session: ort.InferenceSession, device: Device, signature: Signature) -> None:
        self.device = device
        self.signature = signature
        self._session = session
        self._outputs = [spec.name for spec in signature.outputs]
        self._text_inputs = [spec.name for spec in signature.inputs if spec.datatype == "BYTES"]
        self._text_outputs = [spec.name for spec in signature.outputs if spec.datatype == "BYTES"]

    def run(self, inputs: Tensors) -> Tensors:
        """Every output by name; see Runner."""
        if self._text_inputs:
            inputs = {**inputs, **{name: _decoded(name, inputs[name]) for name in self._text_inputs}}
        try:
            outputs = dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise ModelFailed(f"the model failed: {one_line(error)}") from error
        for name in self._text_outputs:
            outputs[name] = _encoded(outputs[name])
        return outputs


def load(file: Path, config: ModelConfig, device: Device, threads: int) -> OnnxRunner:
    """A session for the file on the device. Raises ModelLoadFailed."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads sleep instead of spinning: several replicas or models share these CPUs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; placement notes about shape operators are no news to anybody
    try:
        session, used = _session(file, options, device)
        signature = signature_of(
            [_spec(node) for node in session.get_inputs()], [_spec(node) for node in session.get_outputs()], config
        )
    except ModelLoadFailed:
        raise
    except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
        raise ModelLoadFailed(f"{file}: {one_line(error)}") from error
    return OnnxRunner(session, used, signature)


def _session(file: Path, options: ort.SessionOptions, device: Device) -> tuple[ort.InferenceSession, Device]:
    cpu = ["CPUExecutionProvider"]
    if device.kind == "cpu":
        return ort.InferenceSession(str(file), options, providers=cpu), CPU
    if "CUDAExecutionProvider" in ort.get_available_providers():
        ort.preload_dlls()  # CUDA and cuDNN from the nvidia-* wheels or PyTorch's, where the system has none
        gpu = ("CUDAExecutionProvider", {"device_id": device.index})
        session = ort.InferenceSession(str(file), options, providers=[gpu, *cpu])
        if session.get_providers()[0] == "CUDAExecutionProvider":
            return session, device
    problem = f"this onnxruntime can't use {device} (onnxruntime-gpu, CUDA and cuDNN of matching versions are needed)"
    used = fall_back(file, device, problem)
    return ort.InferenceSession(str(file), options, providers=cpu), used


def _spec(node: Any) -> TensorSpec:
    datatype = _DATATYPES.get(node.type)
    if datatype is None:
        raise ModelLoadFailed(f"tensor '{node.name}' is of type {node.type}, which can't be served from ONNX")
    dims = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in node.shape)
    first = node.shape[0] if node.shape else None
    return TensorSpec(node.name, datatype, dims, first if isinstance(first, str) else "")


def _decoded(name: str, array: Array) -> Array:
    """ONNX strings are UTF-8; ONNX Runtime would take bytes objects for their repr."""
    text = np.empty(array.size, np.object_)
    try:
        text[:] = [element.decode() for element in array.ravel()]
    except UnicodeDecodeError as error:
        raise InvalidTensor(f"input '{name}': a BYTES element is not UTF-8, which ONNX strings are: {error}") from None
    return text.reshape(array.shape)


def _encoded(array: Array) -> Array:
    raw = np.empty(array.size, np.object_)
    raw[:] = [str(element).encode() for element in array.ravel()]
    return raw.reshape(array.shape)

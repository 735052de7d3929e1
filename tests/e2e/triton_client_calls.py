"""`python triton_client_calls.py ADDRESS NAME`: one group of calls with tritonclient.grpc, for test_triton_client."""

import queue
import sys
import time

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


def tensor(name, array, datatype):
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def floats(value):
    return [tensor(name, np.full((2, 3), value, np.float32), "FP32") for name in "ab"]


def until(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def health(client):
    until(client.is_server_ready)
    assert client.is_server_live()
    assert client.is_model_ready("add")
    assert not client.is_model_ready("nosuch")


def metadata(client):
    assert client.get_server_metadata().name
    add = client.get_model_metadata("add", as_json=True)
    assert [one["name"] for one in add["inputs"]] == ["a", "b"]
    assert add["inputs"][0]["datatype"] == "FP32"
    assert client.get_model_config("add").config.name == "add"
    client.infer("add", floats(1.0))
    statistics = client.get_inference_statistics("add").model_stats
    assert statistics[0].inference_count >= 2


def infer_fp32(client):
    result = client.infer("add", floats(1.5), request_id="seven", outputs=[triton.InferRequestedOutput("total")])
    np.testing.assert_array_equal(result.as_numpy("total"), np.full((2, 3), 3.0, np.float32))
    assert result.get_response().id == "seven"


def infer_int64(client):
    result = client.infer("lookup", [tensor("x", np.array([[1], [3]], np.int64), "INT64")])
    assert result.as_numpy("y").ravel().tolist() == [10.0, 30.0]


def infer_bytes(client):
    words = np.array([[b"a", b""], ["né".encode(), b"a b"]], dtype=object)
    result = client.infer("text", [tensor("x", words, "BYTES")])
    assert result.as_numpy("y").tolist() == words.tolist()


def repository(client):
    def states():
        return {one["name"]: one.get("state") for one in client.get_model_repository_index(as_json=True)["models"]}

    assert states() == {"add": "READY", "lookup": "READY", "text": "READY"}
    client.unload_model("text")
    assert states()["text"] != "READY"
    assert not client.is_model_ready("text")
    assert client.is_model_ready("add")
    client.load_model("text")
    assert client.is_model_ready("text")
    infer_bytes(client)


def streaming(client):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for k in range(20):
        client.async_stream_infer("add", floats(float(k)), request_id=str(k))
    for k in range(20):
        result, error = answers.get(timeout=15)
        assert error is None, error
        assert result.get_response().id == str(k)
        assert result.as_numpy("total")[0, 0] == 2.0 * k
    client.stop_stream()


def refusal(client, model, inputs):
    try:
        client.infer(model, inputs)
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"
    return "accepted"


def mistakes(client):
    missing = refusal(client, "add", [tensor("a", np.zeros((2, 3), np.float32), "FP32")])
    assert "INVALID_ARGUMENT" in missing, missing
    assert "'b'" in missing, missing
    shape = refusal(client, "add", [tensor(name, np.zeros((2, 4), np.float32), "FP32") for name in "ab"])
    assert "INVALID_ARGUMENT" in shape, shape
    assert "[2, 4]" in shape, shape
    datatype = refusal(client, "add", [tensor(name, np.zeros((2, 3), np.int32), "INT32") for name in "ab"])
    assert "INVALID_ARGUMENT" in datatype, datatype
    assert "INT32" in datatype, datatype
    unknown = refusal(client, "nosuch", floats(1.0))
    assert "NOT_FOUND" in unknown, unknown


if __name__ == "__main__":
    with triton.InferenceServerClient(sys.argv[1]) as connected:
        until(lambda: connected.is_model_ready("add"))
        globals()[sys.argv[2]](connected)
    sys.stdout.write("done\n")

"""tritonclient.grpc through a router: `python triton.py ADDRESS`. Its stubs need a process without ours."""

import functools
import queue
import sys
import time

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

LARGE = 60_000_000  # bytes


def tensor(name, array, datatype):
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def numbers(value):
    return [tensor(name, np.full((1, 3), value, np.float32), "FP32") for name in "ab"]


def is_sum(result, value):
    return result.as_numpy("total").tolist() == [[2.0 * value] * 3]


def ending(call):
    try:
        call()
    except InferenceServerException as error:
        return error.status(), error.message()
    return "answered", ""


def main(address):
    with triton.InferenceServerClient(address) as client:
        assert is_sum(client.infer("add", numbers(1.5)), 1.5)
        assert is_sum(client.infer("add", numbers(2.5), compression_algorithm="gzip"), 2.5)

        metadata = {"x-initial": "yes", "sent-bin": b"\0\xff"}
        assert client.infer("digits", [], headers=metadata, request_id="echo").get_response().id == "echo"
        refused = ending(lambda: client.infer("digits", [], request_id="refuse FAILED_PRECONDITION"))
        assert refused == ("StatusCode.FAILED_PRECONDITION", "as you wish"), refused

        late = ending(lambda: client.infer("digits", [], request_id="hang", client_timeout=0.3))
        assert late[0] == "StatusCode.DEADLINE_EXCEEDED", late
        answers = queue.Queue()
        put = functools.partial(lambda result, error: answers.put((result, error)))
        hung = client.async_infer("digits", [], put, request_id="hang")
        time.sleep(0.3)
        hung.cancel()
        assert answers.get(timeout=10)[1].status() == "StatusCode.CANCELLED"

        client.start_stream(put)
        for k in range(20):
            client.async_stream_infer("add", numbers(float(k)))
        for k in range(20):
            result, error = answers.get(timeout=15)
            assert error is None, error
            assert is_sum(result, k)
        client.stop_stream()

        array = np.full((1, LARGE), 7, np.uint8)
        echoed = client.infer("echo", [tensor("x", array, "UINT8")], client_timeout=60).as_numpy("y")
        np.testing.assert_array_equal(echoed, array)

        for _ in range(1000):
            client.async_infer("add", numbers(2.0), put, client_timeout=50)
        for _ in range(1000):
            result, error = answers.get(timeout=60)
            assert error is None, error
            assert is_sum(result, 2.0)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(sys.argv[1])

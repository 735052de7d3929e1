"""Our inference.proto against the one that tritonclient was built from, descriptor by descriptor.

Both register the same names, so tritonclient's descriptors are read in a process of their own.
"""

import json
import subprocess
import sys
from typing import Any

from google.protobuf.descriptor import FileDescriptor

from protos import inference_pb2

DUMP = """
import json
import warnings
warnings.simplefilter("ignore")
from tritonclient.grpc import model_config_pb2, service_pb2

def messages(descriptors):
    for each in descriptors:
        yield each
        yield from messages(each.nested_types)

def field(each):
    kind = each.message_type or each.enum_type
    oneof = each.containing_oneof.name if each.containing_oneof else None
    return [each.number, each.type, each.is_repeated, kind.full_name if kind else None, oneof]

def enums(file):
    yield from file.enum_types_by_name.values()
    for message in messages(file.message_types_by_name.values()):
        yield from message.enum_types

def dump(files):
    return {
        "messages": {
            m.full_name: {f.name: field(f) for f in m.fields}
            for file in files for m in messages(file.message_types_by_name.values())
        },
        "enums": {e.full_name: {v.name: v.number for v in e.values} for file in files for e in enums(file)},
        "methods": {
            m.full_name: [m.client_streaming, m.server_streaming, m.input_type.full_name, m.output_type.full_name]
            for file in files for s in file.services_by_name.values() for m in s.methods
        },
    }
"""


def _ours(files: list[FileDescriptor]) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    # The same reading for both sides; only the imports of tritonclient's stubs are left out here.
    exec(DUMP.replace("from tritonclient.grpc import model_config_pb2, service_pb2", ""), scope)
    return json.loads(json.dumps(scope["dump"](files)))


def _theirs() -> dict[str, Any]:
    code = DUMP + "\nprint(json.dumps(dump([service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR])))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_everything_we_have_on_the_wire_is_tritons() -> None:
    ours, theirs = _ours([inference_pb2.DESCRIPTOR]), _theirs()
    for name, fields in ours["messages"].items():
        if name == "inference.Unsupported":
            continue
        assert name in theirs["messages"], name
        for field, facts in fields.items():
            assert theirs["messages"][name].get(field) == facts, f"{name}.{field}"
    for name, values in ours["enums"].items():
        for value, number in values.items():
            assert theirs["enums"][name].get(value) == number, f"{name}.{value}"


def test_every_rpc_of_tritons_is_there_with_the_same_streaming_and_messages() -> None:
    ours, theirs = _ours([inference_pb2.DESCRIPTOR])["methods"], _theirs()["methods"]
    assert set(ours) == set(theirs)
    for name, (client_streams, server_streams, request, response) in ours.items():
        assert theirs[name][:2] == [client_streams, server_streams], name
        if request != "inference.Unsupported":
            assert theirs[name][2:] == [request, response], name

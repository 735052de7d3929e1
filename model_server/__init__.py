"""The model server: ONNX and PyTorch models over gRPC, with dynamic batching by rows."""

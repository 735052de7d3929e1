"""What all services share: values and their conversions to protobuf, tensors, errors, settings, logging, gRPC shell."""

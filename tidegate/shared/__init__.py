"""What the four services share: value types, errors, settings, logging, telemetry, the gRPC server shell."""

"""The data plane's own settings, under the names that it has for them (dataplane/README.md tells what each does)."""

from typing import Annotated

from pydantic import Field, model_validator

from tidegate.shared.settings import Table

Count = Annotated[int, Field(ge=0, lt=2**32)]
Bytes = Annotated[int, Field(ge=1, lt=2**31)]
Seconds = Annotated[float, Field(gt=0, le=1e9)]


class RetrySettings(Table):
    """`[router.retry]`: the budget of gRFC A6. What a replica certainly never began is tried again free of charge."""

    max_tokens: float = Field(default=1000.0, gt=0, le=1e9)
    """The budget, full at the start: a failure takes one token, and there are retries while over half of it is left."""
    token_ratio: float = Field(default=0.1, ge=0, le=1)
    """Tokens that an answer which is no failure of the replica earns back."""
    max_lost: int = Field(default=3, ge=1, lt=2**16)
    """Connections that one request may see break under it: a request that kills its replica must not kill them all."""
    buffer_bytes: int = Field(default=1024 * 1024, ge=0, lt=2**63)
    """Bytes of one request that are kept until an answer begins; a larger one is not tried again once it was sent."""
    buffers_bytes: int = Field(default=64 * 1024 * 1024, ge=0, lt=2**63)
    """The same for all requests of one thread together."""
    pause_s: Seconds = 1.0
    """When every replica has refused a request, they are asked again after this."""


class EjectionSettings(Table):
    """`[router.ejection]`: after gRFC A50 and Envoy's outlier detection. An ejected replica gets nothing for a time."""

    enabled: bool = True
    """Off: no replica is ejected, nor made dearer by its failures."""
    consecutive_failures: int = Field(default=5, ge=1, lt=2**32)
    """So many failures in a row eject."""
    max_ejected_share: float = Field(default=0.5, ge=0, le=1)
    """Largest share of the ready replicas that may be ejected at once; never the last one."""
    base_ejection_s: Seconds = 5.0
    """How long the first ejection lasts; each further one twice as long."""
    max_ejection_s: Seconds = 120.0
    """Longest ejection."""
    success_margin: float = Field(default=0.3, gt=0, le=1)
    """A success rate so far below the mean of the others ejects too."""
    min_requests: int = Field(default=20, ge=1, lt=2**32)
    """Answers in an interval that it takes to judge a success rate."""
    interval_s: Seconds = 5.0
    """How often success rates are judged."""
    forgive_s: Seconds = 5.0
    """Half-life of what failures cost a replica in the balancer's eyes."""

    @model_validator(mode="after")
    def _check_times(self) -> "EjectionSettings":
        if self.max_ejection_s < self.base_ejection_s:
            raise ValueError(
                f"max_ejection_s = {self.max_ejection_s:g} is less than base_ejection_s = {self.base_ejection_s:g}"
            )
        return self


class TimeLimits(Table):
    """`[router.times]`: parts of a request that have no deadline of their own."""

    first_message_s: Seconds = 60.0
    """From a request's headers until its model is known."""
    stream_idle_s: Seconds = 3600.0
    """A request without a byte either way for this long is ended."""
    stall_s: Seconds = 300.0
    """A client that takes nothing of its answer for this long loses it."""


class ClientLimits(Table):
    """`[router.client_limits]`: per connection; more than a limit per second ends it with ENHANCE_YOUR_CALM."""

    max_streams: int = Field(default=1024, ge=1, lt=2**31)
    """Requests at a time; more are refused (REFUSED_STREAM), and gRPC clients wait with them."""
    stream_window_bytes: Bytes = 256 * 1024
    """Body bytes of one request that may wait here, each way."""
    connection_window_bytes: Bytes = 4 * 1024 * 1024
    """Body bytes on their way to us that were not taken yet."""
    connection_buffer_bytes: Bytes = 64 * 1024 * 1024
    """Body bytes that may wait here; above it the client gets no more credit."""
    max_header_bytes: Bytes = 16 * 1024
    """Metadata of one request: names, values and 32 bytes for each pair."""
    handshake_s: Seconds = 10.0
    """From connecting to the client's SETTINGS."""
    headers_s: Seconds = 10.0
    """From a header block's first frame to its last."""
    idle_s: Seconds = 3600.0
    """A connection without a request for this long is closed in good order."""
    keepalive_s: Seconds = 7200.0
    """After so long without a byte from the client it is pinged (gRFC A9)."""
    keepalive_timeout_s: Seconds = 20.0
    """A ping that is not answered for this long: the connection is lost."""
    write_stall_s: Seconds = 60.0
    """With bytes to send of which the client takes none for this long: the connection is lost."""
    settings_per_s: Count = 100
    """SETTINGS frames."""
    pings_per_s: Count = 100
    """PING frames, and one more for each DATA frame that we send."""
    priorities_per_s: Count = 2000
    """PRIORITY frames, and others without an effect."""
    window_updates_per_s: Count = 2000
    """WINDOW_UPDATE frames, and ten more for each request and for each DATA frame that we send."""
    empty_data_per_s: Count = 200
    """DATA frames without a byte that don't end a request."""
    fast_resets_per_s: Count = 500
    """Requests that the client resets within `fast_reset_s` of their beginning (rapid reset, CVE-2023-44487)."""
    fast_reset_s: Seconds = 0.1
    """A reset after this is taken for a deadline or a change of mind."""
    errors_per_s: Count = 500
    """Requests that we had to reset for the client's fault."""
    max_outbound_control: Count = 1000
    """Answers to SETTINGS and PING that the client does not read."""
    max_outbound_frames: Count = 10_000
    """Frames of any kind but DATA that the client does not read."""
    ping_min_interval_s: Seconds = 10.0
    """A ping sooner than this after the last is a strike, unless something was sent between (gRFC A8)."""
    ping_strikes: Count = 2
    """Strikes that are forgiven; the next one ends the connection with `too_many_pings`."""


class BackendLimits(Table):
    """`[router.backend_limits]`: per connection to a replica."""

    stream_window_bytes: Bytes = 256 * 1024
    """Body bytes of one answer that may wait here."""
    connection_window_bytes: Bytes = 16 * 1024 * 1024
    """Body bytes on their way to us that were not taken yet."""
    connection_buffer_bytes: Bytes = 512 * 1024 * 1024
    """Body bytes that may wait here; above it the replica gets no more credit."""
    max_header_bytes: Bytes = 64 * 1024
    """Metadata or trailers of one answer: names, values and 32 bytes for each pair."""
    handshake_s: Seconds = 5.0
    """From the attempt to connect to the replica's SETTINGS."""
    keepalive_s: Seconds = 310.0
    """After so long without a byte from the replica it is pinged; a gRPC server takes more than one in 5 minutes for
    abuse (gRFC A8). A dead host is noticed sooner, by TCP keepalive."""
    keepalive_timeout_s: Seconds = 20.0
    """A ping that is not answered for this long: the connection is lost."""

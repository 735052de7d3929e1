"""The scaler: turns forecast and live load into replicas, one measured start-up ahead, and says why.

Pure core: `planner.plan` (with `hpa`, `risk`, `trust`, `adjustments`, `demand`, `capacity`, `lead`, `readings`,
`fleet`). Shell: `controller` (the loop), `sources` (routers, forecaster), `executors`, `store`, `servicer`, `server`.
"""

"""The forecaster: demand in, quantile paths out.

Pure core (the simulator drives the same): `forecaster.model.fit` gives a `FittedModel` with `update`, `forecast` and
`explain`; `forecaster.backtest` judges it. Around it: history (SQLite), engine (refits off the event loop), follow
(the routers' demand), servicer and server.
"""

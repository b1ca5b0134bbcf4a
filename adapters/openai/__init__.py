"""Assistants at an OpenAI-compatible service: the hosted ones, the embedded one, or anything that speaks the protocol.

Read `assistants` first: it implements the port, and makes every call to the service. `client` carries the calls,
`event_stream` and `polling` follow runs, `protocol` translates messages and runs, `wire` judges what comes back.
"""

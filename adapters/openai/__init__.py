"""Assistants at an OpenAI-compatible service: the hosted ones, the embedded one, or anything that speaks the protocol.

Read `assistants` first: it is the port's implementation and every call to the service. `client` carries the calls,
`polling` waits for runs, `wire` judges what comes back, `runs` and `answers` turn it into the application's words.
"""

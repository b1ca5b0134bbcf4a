"""Who answers: the port to a language model, and its two implementations.

`chat_completions` speaks to any Chat Completions endpoint with tool calls; `tutor_model` asks the built-in tutor
(`tutor/`). The run loop (`adapters/embedded/run_executor.py`) sees only `Model`.
"""

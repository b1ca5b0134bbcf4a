"""The Responses protocol: conversations and background responses at OpenAI, Azure OpenAI and Microsoft Foundry.

Read `responses_backend` first: it implements the port. `response_threads` has the calls about a conversation's items,
and what the bot keeps of a thread; `response_objects` translates what is said and what comes back; `response_events`
follows a response by its stream.
"""

"""The application: its words, its rules, its one loop. It knows the standard library and nothing else.

Read a message's way through it in this order: intake, engine, turn_story, runs, reply, delivery. `ports` says what is
needed outside.
"""

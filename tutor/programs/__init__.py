"""The Python that the tutor writes: one small piece a kind of task, put together into one readable program."""

"""What the bot says itself, without the assistant."""

from __future__ import annotations

from bot.run import RunPhase

NEW_DONE = "This is a new conversation: I no longer look at what was said before."
STOP_DONE = "There is nothing left to stop."
STOP_CUT = "Stopped. I leave out the rest of that answer."
NOT_READ = (
    "Too many messages were waiting here, so I did not read this one, nor any that came right after it. "
    "Please send again later what you still need."
)
NOT_SERVED = (
    "Sorry, I am not set up to answer you here. If you think I should be, please ask the people who run this bot."
)
STARTERS = (
    "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.",
    "Where do x^2 and 2x + 3 meet? Plot both.",
    "Plot sin(x) and cos(x) from -2pi to 2pi.",
)
"""Questions to begin with."""
HINT = f"Hello! Ask me something, for example: *{STARTERS[0]}*"
WELCOME = (
    "Hello! I compute, plot and work with data, and I show how. "
    "Ask me in plain words, or begin with one of these; /help tells more."
)
WELCOME_ALL = (
    "Hello! I compute, plot and work with data, and I show how. "
    "Mention me in a message and I answer it where it stands; I do not read the others. "
    "Begin with one of these if you like."
)
"""The same where several people read along."""
HELP = (
    "Ask me a question in plain words; I can compute, plot and work with data. "
    "Files may come along, such as csv, Excel or pictures, where you can attach some.\n\n"
    "- **/new** starts afresh, without what was said before\n"
    "- **/stop** stops the answer I am working on\n"
    "- **/help** shows this"
)
PHASES = {
    RunPhase.QUEUED: "Waiting for the assistant",
    RunPhase.WORKING: "Thinking",
    RunPhase.CODE: "Running code",
    RunPhase.FUNCTIONS: "Looking something up",
}
"""What a person sees while a run is in a phase, where the channel shows it."""


def working_on_it(status: str) -> str:
    """The message of a channel that the answer will take the place of."""
    return f"Working on it: {status[:1].lower()}{status[1:]}" if status else "Working on it"


def status_with_time(status: str, seconds: float) -> str:
    """What is being done, and for how long the person has been waiting."""
    return f"{status or PHASES[RunPhase.WORKING]}, {seconds:.0f} s"

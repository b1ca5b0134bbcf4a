"""What the bot says itself, without the assistant. Each sentence is said through `bot.language._`."""

from __future__ import annotations

from bot.conversation import CommandName
from bot.language import N_, _
from bot.run import RunPhase

NEW_DONE = N_("This is a new conversation: I no longer look at what was said before.")
STOP_DONE = N_("There is nothing left to stop.")
STOP_CUT = N_("Stopped. I leave out the rest of that answer.")
NOT_READ = N_(
    "Too many messages were waiting here, so I did not read this one, nor any that came right after it. "
    "Please send again later what you still need."
)
NO_COMMAND = N_("I do not know the command {word}. {command} lists those that I know.")
COMMAND_MEANT = N_("I do not know the command {word}. Did you mean {command}?")
COMMAND_ALONE = N_("Please send {command} alone, without other words.")
PRESSED = N_("I am on it.")
NOT_SERVED = N_(
    "Sorry, I am not set up to answer you here. If you think I should be, please ask the people who run this bot."
)
FILES_LOST = N_(
    "The assistant's service no longer has files from earlier in this conversation, so this answer does without them. "
    "Please send them again if you need them."
)
STARTERS = (
    N_("Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."),
    N_("Where do x^2 and 2x + 3 meet? Plot both."),
    N_("Plot sin(x) and cos(x) from -2pi to 2pi."),
)
"""Questions to begin with."""
HINT = N_("Hello! Ask me something, for example: *{example}*")
HINT_ALONE = N_("Hello! Ask me something.")
WELCOME = N_(
    "Hello! I compute, plot and work with data, and I show how. "
    "Ask me in plain words, or begin with one of these; /help tells more."
)
WELCOME_ALL = N_(
    "Hello! I compute, plot and work with data, and I show how. "
    "Mention me in a message and I will answer right there; I do not read other messages. "
    "Begin with one of these if you like."
)
"""The same where several people read along."""
HELP = N_(
    "Ask me a question in plain words; I can compute, plot and work with data. "
    "Where you can attach files, I read csv, Excel, pictures and more.\n\n"
    "- **/new** starts afresh, without what was said before\n"
    "- **/stop** stops the answer I am working on\n"
    "- **/assistant** shows who answers here, and lets you choose another\n"
    "- **/files** lists the plots and files of this conversation\n"
    "- **/usage** shows what you used, in questions and tokens\n"
    "- **/forget** deletes what is kept of this conversation\n"
    "- **/help** shows this"
)
COMMANDS_OFFERED = (CommandName.NEW, CommandName.FILES, CommandName.USAGE, CommandName.FORGET)
"""Those that `/help` offers to press, beside `/assistant` where there are several.
 `/stop` is of no use beside it: help is given when no answer is worked on."""
PHASES = {
    RunPhase.QUEUED: N_("Waiting for the assistant"),
    RunPhase.WORKING: N_("Thinking"),
    RunPhase.CODE: N_("Running code"),
    RunPhase.FUNCTIONS: N_("Looking something up"),
    RunPhase.UNKNOWN: N_("The assistant's service is not answering; trying again"),
}
"""What a person sees while a run is in a phase, where the channel shows it."""
WRITING = N_("Writing")
"""The same once there are words of the answer."""


def working_on_it(status: str) -> str:
    """The message of a channel that the answer will take the place of."""
    if not status:
        return _("Working on it")
    return _("Working on it: {status}").format(status=status[:1].lower() + status[1:])


def status_with_time(status: str, seconds: float) -> str:
    """What is being done, and for how long the person has been waiting."""
    return f"{status or _(PHASES[RunPhase.WORKING])}, {seconds:.0f} s"

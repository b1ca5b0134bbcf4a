"""`assistants.toml`: what it may say, and what is said about each mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.profiles import Profiles
from service.settings import Settings, SettingsError
from service.settings.config_report import Report

GUID = "33333333-4444-5555-6666-777777777777"
GOOD = '[[assistant]]\nname = "Statistics Tutor"\ninstructions = "Explain."\n'
HOSTED = {"ASSISTANT_BACKEND": "responses", "OPENAI_API_KEY": "sk-x"}
SERVED = {"ASSISTANT_BACKEND": "assistants", "OPENAI_BASE_URL": "https://assistants.example.com/v1", "MODEL": "m"}


def profiles(tmp_path: Path, text: str, **environ: str) -> Profiles:
    (tmp_path / "assistants.toml").write_text(text, "utf-8")
    return Settings.read(environ, tmp_path / ".env").profiles


def mistakes(tmp_path: Path, text: str | bytes, **environ: str) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / "assistants.toml").write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ, tmp_path / ".env")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_a_file_there_is_the_assistant_of_the_settings_alone(tmp_path: Path) -> None:
    found = Settings.read({"ASSISTANT_INSTRUCTIONS": "Be brief."}, tmp_path / ".env").profiles
    assert [each.name for each in found.all] == ["Math Tutor"]
    assert found.default.instructions == "Be brief."
    assert not found.are_several


def test_the_shipped_assistant_stays_the_default_beside_others(tmp_path: Path) -> None:
    found = profiles(tmp_path, GOOD)
    assert [each.name for each in found.all] == ["Math Tutor", "Statistics Tutor"]
    assert found.default.name == "Math Tutor"
    assert found.default.questions
    assert found.all[1].questions == ()


def test_an_entry_of_the_shipped_assistants_name_describes_that_one(tmp_path: Path) -> None:
    found = profiles(tmp_path, f'{GOOD}[[assistant]]\nname = "MATH  tutor"\ndescription = "Solves and plots"\n')
    assert [each.name for each in found.all] == ["Statistics Tutor", "MATH tutor"]
    assert found.default.description == "Solves and plots"
    assert "mathematics tutor" in found.default.instructions
    assert found.default.questions


def test_an_entry_may_be_the_default_in_place_of_the_shipped_assistant(tmp_path: Path) -> None:
    found = profiles(tmp_path, f"{GOOD}default = true\n")
    assert [each.name for each in found.all] == ["Statistics Tutor"]
    assert found.default is found.all[0]


def test_all_keys_are_read_and_files_lie_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "handbook.csv").write_text("a,b")
    found = profiles(
        tmp_path,
        f"""{GOOD}description = "Samples and tests"
model = "gpt-x"
tools = ["code_interpreter", "find_order"]
starters = ["What is a p-value?"]
files = ["handbook.csv"]
users = ["{GUID.upper()}"]
tenants = ["{GUID}"]
""",
        OPENAI_API_KEY="sk-x",
        MODEL="m",
        FUNCTIONS_DIR=str(tmp_path),
    ).all[1]
    assert (found.model, found.runs_code, found.functions) == ("gpt-x", True, ("find_order",))
    assert found.files == (tmp_path / "handbook.csv",)
    assert (found.users, found.tenants) == (frozenset({GUID}), frozenset({GUID}))
    assert found.questions == ("What is a p-value?",)


def test_assistants_files_elsewhere_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD)
    found = Settings.read({"ASSISTANTS_FILE": str(tmp_path / "a.toml")}, tmp_path / "x" / ".env").profiles
    assert found.are_several
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        Settings.read({"ASSISTANTS_FILE": str(tmp_path / "nowhere.toml")}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[assistant]]\nname = "X', "line 2 is not TOML: "),
        ('[[assistant]]\nname = "X"\ninstructions = """\nhalf', "line 4 is not TOML: unterminated string"),
        (f'{GOOD}name = "Y"\n', "line 4 is not TOML: "),
        ("", "describes no assistant"),
        (f'{GOOD}modle = "x"\n', "line 4: `modle` is no key of an assistant. Did you mean `model`?"),
        (f'{GOOD}functions = ["x"]\n', "Did you mean `tools`?"),
        (f"{GOOD}colour = 1\n", "These are the keys: name, description"),
        ('[[assistants]]\nname = "X"\n', "`assistants` is not known here. Did you mean `assistant`?"),
        ('name = "X"\n', "line 1: `name` is not known here"),
        ('[assistant]\nname = "X"\n', "Each assistant begins with a line [[assistant]]"),
        ('[[assistant]]\ninstructions = "x"\n', "line 1: this assistant must have a name"),
        ('[[assistant]]\nname = ""\ninstructions = "x"\n', "line 2: `name` must be a text"),
        ('[[assistant]]\nname = "a\\nb"\ninstructions = "x"\n', "`name` must be one line"),
        (f'[[assistant]]\nname = "{"x" * 65}"\ninstructions = "x"\n', "at most 64 characters"),
        ('[[assistant]]\nname = 5\ninstructions = "x"\n', "`name` must be a text"),
        ('[[assistant]]\nname = "X"\n', "line 1: X must have instructions"),
        (f'{GOOD}[[assistant]]\nname = "statistics  TUTOR"\ninstructions = "x"\n', "too (assistants.toml line 1)"),
        (f'{GOOD}starters = "one"\n', "line 4: `starters` must be a list of texts"),
        (f"{GOOD}starters = [1]\n", "must be a list of texts"),
        (f"{GOOD}starters = {['x'] * 7}\n", "at most 6 questions"),
        (f'{GOOD}starters = ["a", " "]\n', "must be questions of one line"),
        (f'{GOOD}users = ["ada@example.com"]\n', "`users` must be ids of the directory"),
        (f"{GOOD}users = []\n", "without this key everybody may use"),
        (f'{GOOD}tenants = "{GUID}"\n', "`tenants` must be a list"),
        (f'{GOOD}files = ["nowhere.pdf"]\n', "line 4: `files` names nowhere.pdf, and there is no such file"),
        (f'{GOOD}files = ["."]\n', "which is not a file"),
        (f'{GOOD}files = ["empty.txt"]\n', "which is empty or larger"),
        (f'{GOOD}files = ["a.txt", "./a.txt"]\n', "different names"),
        (f'{GOOD}files = ["a.txt"]\ntools = []\n', 'need "code_interpreter"'),
        (f'{GOOD}default = "yes"\n', "`default` must be true or false"),
        (f'{GOOD}default = true\nusers = ["{GUID}"]\n', "must be open to everybody"),
        (f'[[assistant]]\nname = "Math Tutor"\ntenants = ["{GUID}"]\n', "must be open to everybody"),
        (f'{GOOD}default = true\n{GOOD.replace("Stat", "B")}default = true\n', "line 5: Bistics Tutor is the second"),
        (f'{GOOD}tools = ["code_interpretr"]\n', 'Did you mean "code_interpreter"?'),
        (f'{GOOD}tools = ["find_order"]\n', "FUNCTIONS_DIR is not set"),
        (f'{GOOD}tools = ["a b"]\n', "names of functions"),
        (f'{GOOD}model = "gpt-x"\n', "no service that serves it"),
        (f'{GOOD}id = "asst_1"\n', "belongs to ASSISTANT_BACKEND=assistants"),
        (f'{GOOD}agent = "a"\n', "needs AZURE_AI_PROJECT_ENDPOINT"),
        (b"\xff\xfe", "is not plain text in UTF-8"),
        ("# x\n" * 300_000, "is larger than 1 MB"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_its_key(tmp_path: Path, text: str | bytes, told: str) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "a.txt").write_text("a")
    found = mistakes(tmp_path, text)
    assert any(told in each for each in found), found
    assert all(each.startswith("assistants.toml") for each in found)


@pytest.mark.parametrize(
    ("environ", "text", "told"),
    [
        (HOSTED | {"MODEL": "m"}, f'{GOOD}model = "built-in tutor"\n', "needs ASSISTANT_BACKEND=embedded"),
        (SERVED, f'{GOOD}id = "asst_1"\n', "has `instructions`, which its `id` has at the service"),
        (
            {
                "ASSISTANT_BACKEND": "assistants",
                "OPENAI_BASE_URL": "https://x.example.com/v1",
                "ASSISTANT_ID": "asst_1",
            },
            GOOD,
            "must have a `model`, because MODEL is not set",
        ),
    ],
)
def test_what_a_backend_cannot_do_is_told(tmp_path: Path, environ: dict[str, str], text: str, told: str) -> None:
    assert any(told in each for each in mistakes(tmp_path, text, **environ))


def test_an_assistant_may_be_one_that_the_service_has(tmp_path: Path) -> None:
    text = '[[assistant]]\nname = "Legal"\nid = "asst_1"\n'
    assert profiles(tmp_path, text, **SERVED).all[1].service_id == "asst_1"


def test_every_mistake_of_the_file_is_told_at_once_and_what_stands_in_a_text_is_no_key(tmp_path: Path) -> None:
    text = '[[assistant]]\nname = "X"\ninstructions = """\nmodle = 1\n"""\nmodle = 2\nstarters = 3\n'
    found = mistakes(tmp_path, text)
    assert [each.split(" ")[2] for each in found] == ["6:", "7:"]


def test_config_lists_the_assistants_and_what_is_wrong_with_their_file(tmp_path: Path) -> None:
    (tmp_path / "assistants.toml").write_text(f'{GOOD}users = ["{GUID}"]\nmodel = "built-in tutor"\n')
    report = Report.read({}, tmp_path / ".env")
    assert "Statistics Tutor: model built-in tutor" in report.as_text()
    assert "for 1 users" in report.as_text()
    assert GUID not in report.as_text()
    assert [each["name"] for each in report.as_data()["assistants"]] == ["Math Tutor", "Statistics Tutor"]  # type: ignore[attr-defined]
    (tmp_path / "assistants.toml").write_text("half = ")
    assert "is not TOML" in str(Report.read({}, tmp_path / ".env").mistakes[0])

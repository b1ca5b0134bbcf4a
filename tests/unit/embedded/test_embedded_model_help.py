"""A model that does not keep to the protocol is repair_reply; what a person asked to read is left alone."""

from __future__ import annotations

import json
import time

import pytest

from adapters.embedded.models.argument_repair import code_in
from adapters.embedded.models.call_dialects import tool_named
from adapters.embedded.models.chat_errors import SettingNames, TransientError, status_error
from adapters.embedded.models.chat_reply import without_reasoning
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    OriginalMessage,
    Speaker,
)
from adapters.embedded.models.reply_repair import repair_reply

PYTHON = ModelTool(name=CODE_INTERPRETER, description="Python", parameters={"type": "object"})
WEATHER = ModelTool(name="weather", description="Tells it", parameters={"type": "object"})
BLOCK = "Let us see:\n\n```python\nimport math\nprint(math.pi)\n```\n\nThis prints 3.14."


def asking(
    text: str = "What is pi?", *, tools: tuple[ModelTool, ...] = (PYTHON,), choice: str = "auto", outputs: int = 0
) -> ModelRequest:
    """A question, and code that was run for it already and failed."""
    work = []
    for number in range(outputs):
        call = ModelToolCall(id=f"c{number}", name=CODE_INTERPRETER, arguments='{"code": "1/0"}')
        work.append(ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,)))
        told = "Traceback (most recent call last)\nZeroDivisionError: division by zero"
        work.append(ModelMessage(speaker=Speaker.TOOL, text=told, tool_call_id=call.id))
    question = ModelMessage(speaker=Speaker.USER, text=text)
    return ModelRequest(instructions="", messages=(question, *work), tools=tools, tool_choice=choice)


def codes(reply: ModelReply) -> list[str]:
    return [json.loads(call.arguments)["code"] for call in reply.tool_calls if call.name == CODE_INTERPRETER]


def test_a_block_of_python_is_run_and_what_was_made_up_round_it_is_dropped() -> None:
    reply = repair_reply(ModelReply(text=BLOCK), asking())
    assert codes(reply) == ["import math\nprint(math.pi)"]
    assert (reply.text, reply.finish) == ("", ModelFinish.TOOL_CALLS)


def test_several_blocks_are_one_program() -> None:
    text = "1.\n  ```py\n  x = 2\n  ```\n2.\n~~~Python\nprint(x)\n~~~"
    assert codes(repair_reply(ModelReply(text=text), asking())) == ["x = 2\n\nprint(x)"]


@pytest.mark.parametrize(
    "question",
    [
        "Write a Python program that prints pi",
        "show me the code for it",
        "How do I print pi in Python?",
        "Schreib mir ein Skript dafür",
        "What does this do?\n```python\nprint(1)\n```",
        "Erkläre mir den Python-Code",
    ],
)
def test_code_that_was_asked_for_is_left_to_be_read(question: str) -> None:
    reply = ModelReply(text=BLOCK)
    assert repair_reply(reply, asking(question)) == reply


@pytest.mark.parametrize(
    "question",
    [
        "Plot x^2",
        "plot sin(x) in python",
        "Write a program for pi and run it",
        "Use Python to calculate pi and explain why you used code",
        "Show me the graph of the function x^2",
        "Zeig mir den Verlauf der Funktion x^2",
    ],
)
def test_code_that_works_on_the_question_is_run(question: str) -> None:
    assert codes(repair_reply(ModelReply(text=BLOCK), asking(question)))


@pytest.mark.parametrize(
    "text",
    [
        "No code at all, but `print(1)` in a line.",
        "```python\ndef f(x):\n    return x**2\n```",
        "```python\nx = input('x?')\nprint(x)\n```",
        "```bash\nprint(1)\n```",
        "```\nprint(1)\n```",
        "```python\nprint(1)",
        '{"name": "pandas", "arguments": {"version": "2"}}',
        '{"name": "code_interpreter", "version": 3}',
        'Call it like this: {"name": "code_interpreter", "arguments": {"code": "1"}}',
        '{"code": "DE", "land": "Germany"}',
        '{"code": "DE"}',
    ],
)
def test_what_is_not_meant_to_be_run_stays_text(text: str) -> None:
    reply = ModelReply(text=text)
    assert repair_reply(reply, asking()) == reply


@pytest.mark.parametrize(
    "request_",
    [asking(choice="none"), asking(tools=()), asking(tools=(WEATHER,))],
)
def test_without_code_interpreter_nothing_is_run(request_: ModelRequest) -> None:
    assert repair_reply(ModelReply(text=BLOCK), request_) == ModelReply(text=BLOCK)


def test_calls_that_were_forbidden_are_not_made() -> None:
    call = ModelToolCall(id="c", name=CODE_INTERPRETER, arguments='{"code": "1"}')
    assert repair_reply(ModelReply(text="x", tool_calls=(call,)), asking(choice="none")).tool_calls == ()


def test_a_block_that_was_cut_off_is_not_run() -> None:
    reply = ModelReply(text=BLOCK, finish=ModelFinish.LENGTH)
    assert repair_reply(reply, asking()) == reply


@pytest.mark.parametrize(("failures", "run"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_block_is_run_again_only_where_the_one_before_failed_and_not_for_ever(failures: int, *, run: bool) -> None:
    assert bool(repair_reply(ModelReply(text=BLOCK), asking(outputs=failures)).tool_calls) is run


def test_a_block_after_code_that_worked_explains_it() -> None:
    call = ModelToolCall(id="c", name=CODE_INTERPRETER, arguments='{"code": "print(3.14)"}')
    request = asking()
    asked = ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,))
    told = ModelMessage(speaker=Speaker.TOOL, text="3.14", tool_call_id="c")
    request = ModelRequest(instructions="", messages=(*request.messages, asked, told), tools=(PYTHON,))
    assert repair_reply(ModelReply(text=BLOCK), request) == ModelReply(text=BLOCK)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "python", "arguments": {"code": "print(1)"}}',
        '\n  {"tool": "python", "input": "print(1)"}',
        '{"type": "function", "function": {"name": "code_interpreter", "arguments": "print(1)"}}',
        '{"tool_calls": [{"function": {"name": "python", "arguments": {"code": "print(1)"}}}]}',
        '[{"name": "execute_code", "parameters": {"source": "print(1)"}}]',
        'I will compute it.\n\n{"name": "python", "arguments": {"code": "print(1)"}}',
        '{"code": "print(1)"}',
        '<function=code_interpreter>{"code": "print(1)"}</function>',
        '[TOOL_CALLS]code_interpreter[ARGS]{"code": "print(1)"}',
    ],
)
def test_a_call_in_a_models_words_is_made(text: str) -> None:
    reply = repair_reply(ModelReply(text=text), asking())
    assert codes(reply) == ["print(1)"]
    assert reply.text in {"", "I will compute it."}


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "Python3",
        "execute_code",
        "execute_python_code",
        "run_python",
        "functions.python",
        "code",
        "python_repl",
        "code_interpreter.run",
        "tool_code",
        "jupyter",
        "CODE_INTERPRETER",
    ],
)
def test_code_interpreter_is_known_under_its_other_names(name: str) -> None:
    assert tool_named(name, {CODE_INTERPRETER, "weather"}) == CODE_INTERPRETER


@pytest.mark.parametrize("name", ["weather_python", "", "search", "pythonic", "encode"])
def test_other_names_are_not_taken_for_it(name: str) -> None:
    assert tool_named(name, {CODE_INTERPRETER}) is None


def test_a_function_of_the_clients_goes_before_a_likeness() -> None:
    assert tool_named("python", {CODE_INTERPRETER, "python"}) == "python"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('{"code": "print(1)"}', "print(1)"),
        ('{"code": "print(1)\nprint(2)"}', "print(1)\nprint(2)"),
        ('{"source": "print(1)", "language": "python"}', "print(1)"),
        ('{"anything": "print(1)"}', "print(1)"),
        ('{"code": ["import math", "print(1)"]}', "import math\nprint(1)"),
        ('"print(1)"', "print(1)"),
        ("print(1)", "print(1)"),
        ("2 + 2", "2 + 2"),
        ("42", "42"),
        ("", None),
        ("null", None),
        ('{"code": "print(1', None),
        ("{}", None),
        ('{"a": "x", "b": "y"}', None),
        ('{"code": 5}', None),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_the_source_is_found_in_whatever_stands_as_arguments(arguments: str, code: str | None) -> None:
    assert code_in(arguments) == code


def test_a_fence_round_the_source_is_taken_off() -> None:
    call = ModelToolCall(id="c", name="python", arguments="```python\nprint(1)\n```")
    assert codes(repair_reply(ModelReply(text="", tool_calls=(call,)), asking())) == ["print(1)"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Twelve.", "Twelve."),
        ("<think>hm</think>Twelve.", "Twelve."),
        ("<think>hm</think>\n<think>hm</think>Twelve.", "Twelve."),
        ("\n<Thinking>hm</Thinking>Twelve.", "Twelve."),
        ("hm</think>Twelve.", "Twelve."),
        ("[THINK]hm[/THINK]Twelve.", "Twelve."),
        ("<think>cut off", ""),
        ("Models write <think>so</think> first.", "Models write <think>so</think> first."),
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Twelve.<|return|>",
            "Twelve.",
        ),
        ("<|channel|>analysis<|message|>cut off", ""),
        ("<|channel|>final <|constrain|>text<|message|>Twelve.", "Twelve."),
    ],
)
def test_no_person_reads_what_a_model_thought(text: str, answer: str) -> None:
    assert without_reasoning(text).strip() == answer


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4.<|im_end|>\n<|im_start|>user\nthanks", "4."),
        ("4.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nthanks", "4."),
        ("4.\n<|im_start|>user\nthanks", "4."),
        ("<|im_start|>assistant\n4.<end_of_turn>", "4."),
        ("4.</s>", "4."),
        ("The token <|im_end|> ends a turn.", "The token <|im_end|> ends a turn."),
        ("Write `<|im_end|>`\nlike so.", "Write `<|im_end|>`\nlike so."),
        ("```\n<|im_end|>\n```\nends it.", "```\n<|im_end|>\n```\nends it."),
        ("HTML: <s>old</s>\nnew", "HTML: <s>old</s>\nnew"),
        ("<|im_start|>assistant<|im_sep|>4.<|im_end|><|im_start|>user<|im_sep|>thanks", "4."),  # Phi-4
        ("<|start_of_role|>assistant<|end_of_role|>4.<|end_of_text|>", "4."),  # Granite
        ("4.<|user|>\nthanks", "4."),  # GLM
        ("4.</s><s>[INST] thanks", "4."),  # Llama 2, Mistral
    ],
)
def test_marks_of_turns_reach_nobody_unless_they_are_spoken_of(text: str, shown: str) -> None:
    # F11
    assert repair_reply(ModelReply(text=text), asking()).text == shown


@pytest.mark.parametrize(
    "text",
    [
        'code_interpreter(code="print(6*7)")',
        'Tool call: functions.code_interpreter({"code": "print(6*7)"})',
        'python("""print(6*7)""")',
        'Thought: compute\nAction: code_interpreter\nAction Input: {"code": "print(6*7)"}\nObservation: 41',  # ReAct
        "Action: python\nAction Input:\n```python\nprint(6*7)\n```",
        "Let us see.\n<execute>\nprint(6*7)\n</execute>\nThis prints 42.",  # CodeAct
        "<code_interpreter>\n<code>print(6*7)</code>\n</code_interpreter>",
        '[tool_call]{"name": "python", "arguments": {"code": "print(6*7)"}}[/tool_call]',
        "<|action_start|><|interpreter|>\nprint(6*7)<|action_end|>",  # InternLM
        "<tool_call>\n<function = python>\n<parameter = code>\nprint(6*7)\n</parameter>\n</function>\n</tool_call>",
        "<|channel|>analysis to=python code<|message|>print(6*7)<|call|>",  # gpt-oss
        "<function=python>print(6*7)</function>",
    ],
)
def test_a_call_in_words_is_made_in_whichever_notation(text: str) -> None:
    # F11
    (call,) = repair_reply(ModelReply(text=text), asking()).tool_calls
    assert (call.name, json.loads(call.arguments)) == (CODE_INTERPRETER, {"code": "print(6*7)"})


@pytest.mark.parametrize(
    "text",
    [
        "sorted(values)",
        "Call: me(maybe)",
        "Action: buy\nAction Input: milk",
        "<execute>\n</execute>",
        "<python>3.11</python>",
        "Run `code_interpreter(code='x')` for that.",
        "<table>\n(a)\n</table>",
    ],
)
def test_words_that_only_look_like_a_call_stay_words(text: str) -> None:
    assert repair_reply(ModelReply(text=text), asking()) == ModelReply(text=text)


def test_a_model_that_calls_may_show_a_block_of_code() -> None:
    # reports.md section 5: the answer that merely shows code was run, and its text lost
    call = ModelToolCall(id="c", name=CODE_INTERPRETER, arguments='{"code": "print(3.14)"}')
    came = OriginalMessage(sender="s", fields={"tool_calls": [{"id": "c"}]})
    asked = ModelMessage(speaker=Speaker.ASSISTANT, text="", tool_calls=(call,), original=came)
    told = ModelMessage(speaker=Speaker.TOOL, text="3.14", tool_call_id="c")
    question = ModelMessage(speaker=Speaker.USER, text="Please, the source")
    request = ModelRequest(instructions="", messages=(*asking().messages, asked, told, question), tools=(PYTHON,))
    assert repair_reply(ModelReply(text=BLOCK), request) == ModelReply(text=BLOCK)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('{"code": "p = r\'C:\\Users\\x\'"}', "p = r'C:\\Users\\x'"),
        ('{"code": "plt.title(r\'$\\frac{1}{2}$\')"}', r"plt.title(r'$\frac{1}{2}$')"),
        ('{"code": "x = a &lt; b"}', "x = a < b"),
        ("{\"code\": \"s.replace('&lt;', '<')\"}", "s.replace('&lt;', '<')"),
        ('{"code": "print(\'a\\\\nb\')"}', "print('a\\nb')"),
        ('{"code":"import math\\\\nprint(\\\\"x\\\\")"}', 'import math\nprint("x")'),
        ('```json\n{"code": "print(1)"}\n```', "print(1)"),
        ('{"name": "python", "arguments": "{\\"code\\": \\"print(1)\\"}"}', "print(1)"),
        ('{"code":"print(1)"}<|im_end|>', "print(1)"),
        ('{"code":"# first\\nprint(\'\\\\n\')"}', "# first\nprint('\\n')"),
        ('[{"code": "print(1)"}]', "print(1)"),
        ('{"language": "python", "source_code": "print(1)"}', "print(1)"),
        ('{"code": {"type": "string", "value": "print(1)"}}', "print(1)"),
        ('code="print(1)"', "print(1)"),
        ("<code>print(1)</code>", "print(1)"),
        ("code = 'print(1)'; print(code)", "code = 'print(1)'; print(code)"),
    ],
)
def test_arguments_that_need_one_repair_are_understood(arguments: str, code: str) -> None:
    # F12
    assert code_in(arguments) == code


def test_the_arguments_of_any_function_are_repaired() -> None:
    call = ModelToolCall(id="c", name="weather", arguments="{'city': 'Rome',}")
    (repaired,) = repair_reply(ModelReply(text="", tool_calls=(call,)), asking(tools=(PYTHON, WEATHER))).tool_calls
    assert json.loads(repaired.arguments) == {"city": "Rome"}


@pytest.mark.parametrize(
    "text",
    [
        "<function=a><parameter=b>" * 20_000,
        "```python\n" * 40_000,
        "```json\n{" * 40_000,
        "<tool_call>" * 40_000,
        "<think></think>" * 20_000,
        "to=python<|message|>" * 20_000,
        "[" * 400_000,
        '{"a":' * 100_000,
        '{"name": "python", "arguments": ' + '{"a":' * 960 + "1" + "}" * 961,
        "<|channel|>final" * 20_000,
        "[TOOL_CALLS]x{" * 20_000,
        "<|tool_call_begin|>python{" * 20_000,
        "<tool_call>python<arg_key>code</arg_key>" * 10_000,
        '<invoke name="python"><parameter name="code">' * 10_000,
        "<|im_end|>" * 40_000,
        "<|im_start|>assistant" * 20_000,
        "`a\n" * 100_000,
        '<|tool_call>call:python{code:<|"|>' * 10_000,
        "[python(" * 10_000,
        "python(" * 10_000 + ")",
        "Action: python\nAction Input: " * 10_000,
        "Action: python\nAction Input:" + "\n " * 40_000,
        "<execute>\n" * 40_000,
        "</s> <s> " * 40_000,
        "[code_interpreter(code=" + "-" * 19_000 + "1)]",
    ],
)
def test_a_hostile_text_is_read_in_a_moment(text: str) -> None:
    begun_s = time.process_time()
    repair_reply(ModelReply(text=text), asking())
    assert time.process_time() - begun_s < 3


@pytest.mark.parametrize(
    "text",
    [
        "name: code_interpreter\narguments:\n  " + "a" * 5_000 + "\n```\nmore",
        "```yaml\nname: code_interpreter\nparameters:\n" + "  key: value\n" * 500 + "```\nThat is the file.",
        "\n" * 5_000 + "name",
    ],
)
def test_words_that_only_begin_like_a_call_in_yaml_are_read_in_one_pass(text: str) -> None:
    assert repair_reply(ModelReply(text=text), asking("What is this?")).text == text


@pytest.mark.parametrize(
    ("status", "said", "told", "passes"),
    [
        (429, "Too many tokens, please wait before trying again.", "over its rate limit", True),
        (429, "Number of concurrent requests exceeds the maximum", "over its rate limit", True),
        (429, "Request too large (TPM): Limit 10, Requested 12", "too long for the model", False),
        (400, "Invalid file: billing_2024.csv cannot be read", "refused the request (400)", False),
        (400, "Your credit balance is too low", "no quota left (400)", False),
    ],
)
def test_a_refusal_is_known_by_its_status_first_and_then_by_its_words(
    status: int, said: str, told: str, passes: bool
) -> None:
    names = SettingNames(url="OPENAI_BASE_URL", key="OPENAI_API_KEY", model="MODEL")
    error = status_error(status, json.dumps({"error": {"message": said}}).encode(), None, names)
    assert told in str(error)
    assert isinstance(error, TransientError) is passes

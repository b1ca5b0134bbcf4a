"""What happens in the process of a call: a file of the operator is imported, its functions are described or one called.

pydantic makes the JSON schema from a signature, and the arguments from the model's JSON.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import traceback
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, to_json

from bot.functions import REPEATABLE, Caller

MAX_NAME_CHARS: Final = 64
MAX_DESCRIPTION_CHARS: Final = 1024  # of a function, at OpenAI and Azure OpenAI
MAX_FAULTS: Final = 10  # of arguments, that the model is told at once

_NAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_TAKEN: Final = frozenset({"code_interpreter", "file_search", "python"})
"""Names that models know as tools of their service."""

_USE_TYPES: Final = "Use str, int, float, bool, date, list, dict, Literal, an Enum, a dataclass or a pydantic model."

# Errors whose text is about what was asked for. The text of others may hold an address, a query or a password.
_TOLD: Final = (ValueError, LookupError)

Say = Callable[[Mapping[str, Any]], None]
"""Send a line from the worker to the bot."""


def work(request: Mapping[str, Any], say: Say) -> None:
    """Describe the functions of all files, or call one."""
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    folder = Path(request["folder"])
    os.chdir(folder)
    sys.path.append(str(folder))  # last: a file json.py must not take the place of the standard library's
    if request["do"] == "call":
        say(_called(request, say))
        return
    found: list[dict[str, Any] | str] = []
    for name in request["files"]:
        say({"importing": name})
        found += _described(folder / name)
    faults = [it for it in found if isinstance(it, str)]
    say({"functions": [it for it in found if not isinstance(it, str)], "faults": faults})


def _described(path: Path) -> Iterator[dict[str, Any] | str]:
    """Each function of a file, or the sentence that says what is wrong with it."""
    try:
        module = _load(path)
    except SyntaxError as error:
        yield f"{path.name}, line {error.lineno}: this is not valid Python ({error.msg})."
        return
    except BaseException as error:  # noqa: BLE001 - foreign code: all that an import can raise is the operator's to read
        yield f"{path.name}, line {_line(error, path)}: the import fails with {_summary(error)}."
        return
    functions = list(_public_functions(module))
    if not functions:
        yield (
            f"{path.name}, line 1: it defines no public function. Write one with `def`, "
            "or let the file's name begin with _ if others import it."
        )
    for function in functions:
        where = f"{path.name}, line {function.__code__.co_firstlineno}: {function.__name__}"
        try:
            faults = list(_faults(function))
            if not faults:
                yield {
                    "file": path.name,
                    "line": function.__code__.co_firstlineno,
                    "name": function.__name__,
                    "description": inspect.getdoc(function),
                    "parameters": _schema(function),
                    "repeatable": bool(getattr(function, REPEATABLE, False)),
                }
        except NameError as error:
            faults = [f"has an annotation that is not defined at run time: {error}. Import it without TYPE_CHECKING."]
        except (PydanticUserError, TypeError, ValueError):
            faults = [f"has the parameter {_without_schema(function)}, whose type has no form in JSON. {_USE_TYPES}"]
        yield from (f"{where} {fault}" for fault in faults)


def _load(path: Path) -> ModuleType:
    name = f"function_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _public_functions(module: ModuleType) -> Iterator[FunctionType]:
    """The functions that the file defines itself and does not hide; or those of `__all__`, if it has one."""
    listed = getattr(module, "__all__", None)
    for name, thing in list(vars(module).items()):
        is_public = name in listed if listed is not None else not name.startswith("_")
        if is_public and inspect.isfunction(thing) and (thing.__module__, thing.__name__) == (module.__name__, name):
            yield thing


def _faults(function: FunctionType) -> Iterator[str]:
    """What keeps a function from being offered, as the rest of a sentence that begins with its name."""
    name, doc = function.__name__, inspect.getdoc(function) or ""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        yield f"has a name that services refuse. Use at most {MAX_NAME_CHARS} of a-z, A-Z, 0-9 and _."
    elif name in _TAKEN:
        yield "has a name that models know as another tool. Take another name."
    if not doc.strip():
        yield "has no docstring. Write one: it tells the model when to call the function and what it returns."
    elif len(doc) > MAX_DESCRIPTION_CHARS:
        yield f"has a docstring of {len(doc):,} characters. Services take {MAX_DESCRIPTION_CHARS:,}; shorten it."
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield "is a generator. Return all it yields, such as a list."
    yield from _parameter_faults(function)


def _parameter_faults(function: FunctionType) -> Iterator[str]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            yield f"has the parameter {parameter}. Models name each argument: use plain parameters."
        elif parameter.annotation is parameter.empty:
            yield f"has the parameter {parameter.name} without a type. Write one, such as {parameter.name}: str."


def _parameters(function: FunctionType) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    hints = typing.get_type_hints(function, include_extras=True)
    return dict(inspect.signature(function).parameters), hints


def _arguments(function: FunctionType) -> tuple[type[BaseModel], dict[str, str], list[str]]:
    """The model of the arguments, its fields with the parameters they are for, and the parameters of type Caller.

    The fields have names of their own, since a parameter may be called like a method of pydantic's models.
    """
    parameters, hints = _parameters(function)
    callers = [name for name in parameters if hints[name] is Caller]
    names = {f"a{number}": name for number, name in enumerate(parameters) if name not in callers}
    fields: dict[str, Any] = {}
    for field, name in names.items():
        default = parameters[name].default
        fields[field] = (hints[name], Field(... if default is inspect.Parameter.empty else default, alias=name))
    model = create_model("Arguments", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields)
    return model, names, callers


class _UntitledSchema(GenerateJsonSchema):
    """Without titles, which only repeat the names of parameters, and cost tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema(function: FunctionType) -> dict[str, Any]:
    schema = _arguments(function)[0].model_json_schema(schema_generator=_UntitledSchema)
    return {"properties": {}, **{key: value for key, value in schema.items() if key != "title"}}


def _without_schema(function: FunctionType) -> str:
    """The parameters of whose types pydantic makes no JSON schema."""
    parameters, hints = _parameters(function)
    found = []
    for name in parameters:
        try:
            TypeAdapter(hints[name]).json_schema()
        except (PydanticUserError, TypeError, ValueError):
            found.append(name)
    return ", ".join(found) or "list"


def _called(request: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """What became of a call: `returned` with an output, or `refused`, `raised` or `unloadable` with a reason."""
    path = Path(request["folder"]) / request["file"]
    try:
        function: Callable[..., Any] = getattr(_load(path), request["name"])
        model, names, callers = _arguments(function)  # type: ignore[arg-type]  # one of those that were described
    except BaseException as error:  # noqa: BLE001 - foreign code
        return {
            "result": "unloadable",
            "kind": type(error).__name__,
            "where": f"{path.name}, line {_line(error, path)}",
        }
    try:
        arguments = model.model_validate_json(request["arguments"].strip() or "{}")
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        told = [f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in faults[:MAX_FAULTS]]
        return {"result": "refused", "output": "\n".join(told)}
    given = {name: getattr(arguments, field) for field, name in names.items()}
    given |= {name: Caller(**request["caller"]) for name in callers}
    say({"calling": request["name"]})
    try:
        result = function(**given)
        if inspect.iscoroutine(result):
            import asyncio  # a tenth of the time that a call takes before its code begins

            result = asyncio.run(_awaited(result))
        return {"result": "returned", "output": _bounded(_as_text(result), request["max_output_chars"])}
    except BaseException as error:  # noqa: BLE001 - foreign code: whatever it raises becomes an output
        output = _bounded(_summary(error), request["max_output_chars"]) if isinstance(error, _TOLD) else ""
        where = f"{path.name}, line {_line(error, path)}"
        return {"result": "raised", "kind": type(error).__name__, "output": output, "where": where}


async def _awaited(result: Any) -> Any:
    return await result


def _as_text(result: object) -> str:
    """A text as it is, and everything else as JSON."""
    if result is None:
        return "The function returned nothing."
    if isinstance(result, str):
        return result.encode("utf-8", "replace").decode()  # half a character fits into no JSON
    try:
        return to_json(result).decode()
    except PydanticSerializationError:
        raise ValueError(f"it returned a {type(result).__name__}, which has no form in JSON") from None


def _bounded(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}\n[{len(text) - max_chars:,} more characters were left out. Ask for less.]"


def _summary(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - foreign code once more
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException, path: Path) -> int:
    """The deepest line of this file on the way to an error."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if Path(frame.filename) == path), 1)

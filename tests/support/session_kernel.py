"""What runs in one session of the stand-in for dynamic sessions: a notebook's kernel as far as the bot can tell.

Code is executed inside of a running event loop, standard output is a stream of the kernel's own, and matplotlib has a
backend that the kernel chose: all three as in IPython's kernel. Orders on standard input, answers on standard output,
one JSON object a line. Only the standard library: it is run by the sandbox's own Python.
"""

import ast
import asyncio
import contextlib
import io
import json
import os
import sys
import traceback
from typing import Any

MAX_STREAM = 4096  # "outputStreamsMaxLength": what the service keeps of each stream


def execute(source: str, variables: dict[str, Any]) -> dict[str, str]:
    """Run code; the value of a last expression is the result."""
    out, err, result, status = io.StringIO(), io.StringIO(), "", "Succeeded"
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            tree = ast.parse(source)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "<cell>", "exec"), variables)  # noqa: S102
            if isinstance(last, ast.Expr):
                result = repr(eval(compile(ast.Expression(last.value), "<cell>", "eval"), variables))  # noqa: S307
        except BaseException:  # noqa: BLE001 - whatever the code raises
            status = "Failed"
            traceback.print_exc(file=err)
    return {
        "status": status,
        "stdout": out.getvalue()[:MAX_STREAM],
        "stderr": err.getvalue()[:MAX_STREAM],
        "executionResult": result,
    }


async def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.environ["MPLBACKEND"] = "svg"
    variables: dict[str, Any] = {"__name__": "__main__"}
    while line := await asyncio.to_thread(sys.stdin.readline):
        told = execute(json.loads(line)["code"], variables)
        answers.write(json.dumps(told) + "\n")
        answers.flush()


if __name__ == "__main__":
    asyncio.run(main())

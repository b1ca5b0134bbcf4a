"""Serves the little model on loopback, as a process: prints its address, then works until its input ends."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    """Serve the model whose file is the one argument; without templates, so that it refuses tools."""
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 1024
    params.n_parallel = 1
    params.n_predict = 60  # it may not come to an end by itself
    params.use_jinja = False
    params.ui = False
    params.sampling.seed = 1
    params.sampling.temp = 0.2
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()

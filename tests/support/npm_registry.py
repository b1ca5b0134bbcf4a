"""An npm that hands out one package, whatever it is asked for."""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from scripts.node import Node


def tarball(files: Mapping[str, bytes]) -> bytes:
    """A package of these files, as npm packs it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def registry_with(content: bytes, folder: Path) -> Node:
    """A Node whose npm hands out that tarball."""
    npm = folder / "npm"
    (folder / "served.tgz").write_bytes(content)
    npm.write_text(f'#!/bin/sh\ncp "{folder}/served.tgz" package.tgz\n')
    npm.chmod(0o755)
    return Node(node=Path(sys.executable), npm=(npm,))

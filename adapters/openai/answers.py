"""Messages of a run: from the wire to one Answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from adapters.openai.wire import Fields
from bot.answer import Answer, AnswerFile, AnswerImage, Citation, FileId

log = logging.getLogger(__name__)

_ALT_TEXT_KEY = "alt:{file}"   # where the embedded server keeps what was drawn, in the message's metadata
_CITED_NAME = re.compile(r"†(.+?)】")   # of 【4:0†report.pdf】


def answer_from(messages: Iterable[Fields]) -> Answer:
    """All messages of one run, oldest first, as one answer.

    Placeholders stay in the text as the model wrote them: an annotation's `text` is "the text that needs to be
    replaced", while its indexes count code points at one service, UTF-16 units at another and nothing (0, 0) at a
    third. A file written twice under one name is there once, as it was in the end.
    """
    parts = _Parts()
    for message in messages:
        parts.add(message)
    return Answer(
        text="\n\n".join(parts.texts), images=tuple(parts.images.values()),
        files=tuple(parts.files.values()), citations=tuple(parts.citations.values()),
    )


class _Parts:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.images: dict[str, AnswerImage] = {}      # by file
        self.files: dict[str, AnswerFile] = {}        # by placeholder
        self.citations: dict[str, Citation] = {}      # by placeholder

    def add(self, message: Fields) -> None:
        metadata = message.texts("metadata")
        for content in message.objects_if_any("content"):
            match content.text("type"):
                case "text":
                    self._add_text(content.object("text"))
                case "refusal":
                    self.texts.append(content.text_if_any("refusal"))
                case "image_file":
                    file = content.object("image_file").text("file_id")
                    alt_text = metadata.get(_ALT_TEXT_KEY.format(file=file), "")
                    self.images[file] = AnswerImage(file=FileId(file), alt_text=alt_text)
                case _:
                    log.warning("a content part of an unknown type was left out")

    def _add_text(self, text: Fields) -> None:
        value = text.text_if_any("value").strip()
        if value:
            self.texts.append(value)
        for annotation in text.objects_if_any("annotations"):
            self._add_annotation(annotation)

    def _add_annotation(self, annotation: Fields) -> None:
        placeholder = annotation.text_if_any("text")
        match annotation.text("type"):
            case "file_path":
                file = annotation.object("file_path").text("file_id")
                name = PurePosixPath(placeholder.removeprefix("sandbox:")).name or file
                self.files[placeholder or file] = AnswerFile(file=FileId(file), name=name, placeholder=placeholder)
            case "file_citation":
                found = _CITED_NAME.search(placeholder)
                self.citations[placeholder] = Citation(placeholder=placeholder, name=found[1] if found else "")
            case _:
                log.warning("an annotation of an unknown type was left out")

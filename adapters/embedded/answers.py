"""The assistant's message at the end of a run: pictures, words, and annotations for the files that code made."""

from __future__ import annotations

from urllib.parse import quote

from adapters.embedded.ids import MessageId, StepId, new_id
from adapters.embedded.models.port import ModelFinish, ModelReply
from adapters.embedded.objects import (
    FilePath,
    FilePathId,
    ImageFile,
    ImageFilePart,
    IncompleteMessage,
    Message,
    Part,
    Text,
    TextPart,
)
from adapters.embedded.products import FOLDER, Product
from adapters.embedded.run_objects import CreatedMessage, MessageCreation, Run, RunStep, StepStatus, Usage
from adapters.embedded.wire import plain

MOST_PAIRS = 16
LONGEST_VALUE_CHARS = 512


def answer(run: Run, reply: ModelReply, products: list[Product], now: int) -> Message:
    """The message for a reply. `products` are those of the thread: a text may speak of an earlier file.

    Pictures come before the words, as from OpenAI. The alternative text of a picture has no place in the API, so it
    travels in the message's metadata under `alt:<file id>`.
    """
    new = _latest([product for product in products if product.run_id == run.id])
    pictures = [product for product in new if product.picture]
    text = _with_links(plain(reply.text), [product for product in new if not product.picture])
    cut = reply.finish is ModelFinish.LENGTH
    return Message(
        id=MessageId(new_id("msg")), created_at=now, thread_id=run.thread_id, role="assistant",
        assistant_id=run.assistant_id, run_id=run.id, content=_parts(text, pictures, _latest(products)),
        status="incomplete" if cut else "completed",
        incomplete_details=IncompleteMessage(reason="max_tokens") if cut else None,
        incomplete_at=now if cut else None, completed_at=None if cut else now,
        metadata={f"alt:{p.file_id}": p.alt_text[:LONGEST_VALUE_CHARS] for p in pictures[:MOST_PAIRS] if p.alt_text},
    )


def creation_step(run: Run, message: Message, usage: Usage, now: int) -> RunStep:
    """The step that tells of a message."""
    return RunStep(
        id=StepId(new_id("step")), created_at=now, assistant_id=run.assistant_id, thread_id=run.thread_id,
        run_id=run.id, type="message_creation", status=StepStatus.COMPLETED, completed_at=now, usage=usage,
        step_details=MessageCreation(message_creation=CreatedMessage(message_id=message.id)),
    )


def _parts(text: str, pictures: list[Product], mentionable: list[Product]) -> tuple[Part, ...]:
    shown = tuple(ImageFilePart(image_file=ImageFile(file_id=picture.file_id)) for picture in pictures)
    if not text and shown:
        return shown
    annotations = tuple(note for product in mentionable for note in _annotations(text, product))
    return (*shown, TextPart(text=Text(value=text or "(no words)", annotations=annotations)))


def _latest(products: list[Product]) -> list[Product]:
    """Of files that were written several times, the last; figures have no place where they could be overwritten."""
    last = {product.filename if product.in_folder else product.file_id: product for product in products}
    return list(last.values())


def _with_links(text: str, files: list[Product]) -> str:
    links = [f"[{file.filename}]({_path(file)})" for file in files if not any(path in text for path in _paths(file))]
    return "\n\n".join([part for part in (text, *links) if part])


def _annotations(text: str, product: Product) -> list[FilePath]:
    file = FilePathId(file_id=product.file_id)
    return [
        FilePath(text=path, start_index=start, end_index=start + len(path), file_path=file)
        for path in _paths(product) if product.in_folder
        for start in _places(text, path)
    ]


def _places(text: str, path: str) -> list[int]:
    """Where a text names a path whole: `.../a.csv` is not named by `.../a.csv.gz`."""
    places, start = [], text.find(path)
    while start >= 0:
        after = text[start + len(path): start + len(path) + 2]
        if not (after[:1].isalnum() or (after[:1] in "._-%" and after[1:].isalnum())):
            places.append(start)
        start = text.find(path, start + len(path))
    return places


def _path(product: Product) -> str:
    return f"sandbox:{FOLDER}/{quote(product.filename)}"


def _paths(product: Product) -> list[str]:
    """The forms in which a text may name a file, each once."""
    return list(dict.fromkeys([_path(product), f"sandbox:{FOLDER}/{product.filename}"]))

"""What the assistant says: pictures, words, and annotations for the files that code made."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from adapters.embedded.ids import MessageId, new_id
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
from adapters.embedded.run_objects import Run
from adapters.embedded.wire import plain

MAX_PAIRS = 16
MAX_VALUE_CHARS = 512
MAX_TEXT_CHARS = 200_000


def final_message(run: Run, reply: ModelReply, products: list[Product], now: int) -> Message | None:
    """The message that ends a run, if there is anything to say. `products` are those of the thread, for mentions.

    Pictures come before the words, as from OpenAI. The alternative text of a picture has no place in the API, so it
    travels in the message's metadata under `alt:<file id>`.
    """
    new = _latest([product for product in products if product.run_id == run.id])
    pictures = [product for product in new if product.picture]
    text = _with_links(_words(reply), [product for product in new if not product.picture])
    shown = tuple(ImageFilePart(image_file=ImageFile(file_id=picture.file_id)) for picture in pictures)
    content: tuple[Part, ...] = (*shown, *_text_part(text, _latest(products)))
    if not content:
        return None
    message = _message(run, content, now)
    alts = {f"alt:{p.file_id}": p.alt_text[:MAX_VALUE_CHARS] for p in pictures if p.alt_text}
    message = replace(message, metadata=dict(list(alts.items())[:MAX_PAIRS]))
    if reply.finish is not ModelFinish.LENGTH:
        return message
    cut = IncompleteMessage(reason="max_tokens")
    return replace(message, status="incomplete", incomplete_details=cut, incomplete_at=now, completed_at=None)


def interim_message(run: Run, reply: ModelReply, now: int) -> Message | None:
    """What a model said together with calls it asked for; as at OpenAI a message of its own."""
    content = _text_part(_words(reply), [])
    return _message(run, content, now) if content else None


def _message(run: Run, content: tuple[Part, ...], now: int) -> Message:
    return Message(
        id=MessageId(new_id("msg")),
        created_at=now,
        completed_at=now,
        thread_id=run.thread_id,
        role="assistant",
        assistant_id=run.assistant_id,
        run_id=run.id,
        content=content,
    )


def _words(reply: ModelReply) -> str:
    return plain(reply.text).strip()[:MAX_TEXT_CHARS]


def _text_part(text: str, mentionable: list[Product]) -> tuple[TextPart, ...]:
    if not text:
        return ()
    annotations = tuple(note for product in mentionable for note in _annotations(text, product))
    return (TextPart(text=Text(value=text, annotations=annotations)),)


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
        for path in _paths(product)
        if product.in_folder
        for start in _places(text, path)
    ]


def _places(text: str, path: str) -> list[int]:
    """Where a text names a path whole: `.../a.csv` is not named by `.../a.csv.gz`."""
    places, start = [], text.find(path)
    while start >= 0:
        after = text[start + len(path) : start + len(path) + 2]
        if not (after[:1].isalnum() or (after[:1] in "._-%" and after[1:].isalnum())):
            places.append(start)
        start = text.find(path, start + len(path))
    return places


def _path(product: Product) -> str:
    return f"sandbox:{FOLDER}/{quote(product.filename)}"


def _paths(product: Product) -> list[str]:
    """The forms in which a text may name a file, each once."""
    return list(dict.fromkeys([_path(product), f"sandbox:{FOLDER}/{product.filename}"]))

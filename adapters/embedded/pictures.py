"""The pictures that people give, as a model can be shown them. Nothing here decodes a picture, or fetches one."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from adapters.embedded.conversation import Shown
from adapters.embedded.errors import ApiError
from adapters.embedded.folder import FileFolder
from adapters.embedded.material import PicturePart
from adapters.embedded.models.port import ModelPicture
from adapters.embedded.objects import ImageFilePart
from adapters.sandbox.picture_header import read_picture_header

log = logging.getLogger(__name__)

MAX_KEPT = 32
_DATA_URL = re.compile(r"data:image/[\w.+-]{1,40};base64,", re.IGNORECASE)


class PictureFitter(Protocol):
    """Brings a picture to a size and kind that any model takes; `adapters.sandbox` has the real one."""

    async def fit(self, data: bytes) -> bytes | None:
        """Return it as PNG or JPEG, or None where it cannot be shown; never raises for what the bytes are."""
        ...


class Pictures:
    """Fits pictures, and keeps the latest: each exchange with the model shows them again."""

    def __init__(self, *, fitter: PictureFitter, folder: FileFolder) -> None:
        self._fitter = fitter
        self._folder = folder
        self._kept: OrderedDict[PicturePart, ModelPicture | None] = OrderedDict()

    async def shown(self, parts: Iterable[PicturePart]) -> Shown:
        """Those of the pictures that can be shown."""
        return {part: picture for part in parts if (picture := await self._fitted(part))}

    async def _fitted(self, part: PicturePart) -> ModelPicture | None:
        if part not in self._kept:
            self._kept[part] = await self._fit(part)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(part)
        return self._kept[part]

    async def _fit(self, part: PicturePart) -> ModelPicture | None:
        data = await self._data(part)
        fitted = await self._fitter.fit(data) if data else None
        header = read_picture_header(fitted) if fitted else None
        if fitted is None or header is None:
            log.info("picture not shown to the model", extra={"given": len(data)})
            return None
        detail = part.image_file.detail if isinstance(part, ImageFilePart) else part.image_url.detail
        return ModelPicture(media_type=header.kind, data=fitted, detail=detail)

    async def _data(self, part: PicturePart) -> bytes:
        """The bytes; none for a file that is gone, and for an address: whoever opened it could be sent anywhere."""
        if isinstance(part, ImageFilePart):
            try:
                return await self._folder.read(part.image_file.file_id)
            except ApiError:
                return b""
        begin = _DATA_URL.match(part.image_url.url)
        try:
            return base64.b64decode(part.image_url.url[begin.end() :], validate=True) if begin else b""
        except (binascii.Error, ValueError):
            return b""

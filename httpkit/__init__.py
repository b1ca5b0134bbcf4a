"""Wire craft that every HTTP edge of this program needs: a server with limits, JSON bodies, refusals, loopback checks.

It knows aiohttp and orjson and nothing of the application, so that adapters, which may not import one another, have a
place for what they would otherwise each write again.
"""

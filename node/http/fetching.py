"""A small document from a URL of the configuration: bounded in time and size, no redirect, no proxy (J15)."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver


async def fetch(
    url: str, resolver: Callable[[], AbstractResolver], *, most: int, seconds: float, ssl: object = True
) -> bytes:
    """The body behind an https URL.

    Raises:
        OSError: it cannot be reached in time, or another status than 200.
        ValueError: it is larger than `most`.
    """
    connector = aiohttp.TCPConnector(resolver=resolver(), force_close=True)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=seconds),
                trust_env=False,
            ) as session,
            session.get(url, allow_redirects=False, ssl=ssl) as response,  # type: ignore[arg-type]
        ):
            if response.status != 200:
                raise OSError(f"answered HTTP status {response.status}")
            found = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                found += chunk
                if len(found) > most:
                    raise ValueError(f"sent more than {most} bytes")
            return bytes(found)
    except (aiohttp.ClientError, TimeoutError) as problem:
        raise OSError(f"{type(problem).__name__}: {str(problem)[:120]}") from None
    finally:
        await connector.close()

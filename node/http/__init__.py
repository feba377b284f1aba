"""The aiohttp edge: TLS connections, limits, one handler for SOAP, and the plain management listener."""

"""SOAP 1.2, WS-Addressing, MTOM/XOP: bytes to messages and back, without IO."""

"""Namespaces and fixed values of SOAP 1.2, WS-Addressing and XOP (ITI TF-2: Appendix V)."""

from __future__ import annotations

from typing import Final

SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
WSA: Final = "http://www.w3.org/2005/08/addressing"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
XOP: Final = "http://www.w3.org/2004/08/xop/include"
XINCLUDE: Final = "http://www.w3.org/2001/XInclude"
XDS: Final = "urn:ihe:iti:xds-b:2007"
XML: Final = "http://www.w3.org/XML/1998/namespace"

ANONYMOUS: Final = WSA + "/anonymous"
WSA_FAULT_ACTION: Final = WSA + "/fault"
WSRF_FAULT_ACTION: Final = "http://docs.oasis-open.org/wsrf/fault"
SOAP_FAULT_ACTION: Final = WSA + "/soap/fault"

ENVELOPE: Final = f"{{{SOAP12}}}Envelope"
HEADER: Final = f"{{{SOAP12}}}Header"
BODY: Final = f"{{{SOAP12}}}Body"
FAULT: Final = f"{{{SOAP12}}}Fault"
MUST_UNDERSTAND: Final = f"{{{SOAP12}}}mustUnderstand"
ROLE: Final = f"{{{SOAP12}}}role"
ENCODING_STYLE: Final = f"{{{SOAP12}}}encodingStyle"
SECURITY: Final = f"{{{WSSE}}}Security"
INCLUDE: Final = f"{{{XOP}}}Include"
DOCUMENT: Final = f"{{{XDS}}}Document"

SOAP_TYPE: Final = "application/soap+xml"
XOP_TYPE: Final = "application/xop+xml"
MULTIPART_TYPE: Final = "multipart/related"

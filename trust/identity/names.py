"""Names of SAML 2.0, XML Signature and XUA (federation-wire 4.2 to 4.5)."""

from __future__ import annotations

from typing import Final

WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
HL7: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

EXCLUSIVE_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = DS + "enveloped-signature"

BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
HOLDER_OF_KEY: Final = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
SENDER_VOUCHES: Final = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
CONFIRMATIONS: Final = {
    "bearer": BEARER,
    "holder-of-key": HOLDER_OF_KEY,
    "sender-vouches": SENDER_VOUCHES,
}
AUTHN_CLASS: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
BY_PASSWORD: Final = AUTHN_CLASS + "PasswordProtectedTransport"
BY_CODE: Final = AUTHN_CLASS + "TimeSyncToken"  # a password and a one-time code of that moment
BY_CERTIFICATE: Final = AUTHN_CLASS + "TLSClient"
BEFORE: Final = AUTHN_CLASS + "PreviousSession"  # somebody else vouches for how the user signed in
URI_FORMAT: Final = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
UNSPECIFIED_NAME: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"

SUBJECT_ID: Final = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ORGANISATION: Final = "urn:oasis:names:tc:xspa:1.0:subject:organization"
ORGANISATION_ID: Final = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
HOME: Final = "urn:ihe:iti:xca:2010:homeCommunityId"
HOME_OF_NHIN: Final = "urn:nhin:names:saml:homeCommunityId"
NPI: Final = "urn:oasis:names:tc:xspa:1.0:subject:npi"
ROLE: Final = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE: Final = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
PATIENT: Final = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
CONSENT: Final = "urn:ihe:iti:bppc:2007:docid"
POLICY: Final = "urn:ihe:iti:xua:2012:acp"
# No profile has an attribute for why somebody breaks the glass. This is the one of this node, a plain text.
REASON: Final = "urn:hdn:xua:emergency-reason"

# Subcodes of the fault (federation-wire 4.7).
UNSUPPORTED_TOKEN: Final = "wsse:UnsupportedSecurityToken"  # noqa: S105  the name of a fault
UNSUPPORTED_ALGORITHM: Final = "wsse:UnsupportedAlgorithm"
INVALID_HEADER: Final = "wsse:InvalidSecurity"
INVALID_TOKEN: Final = "wsse:InvalidSecurityToken"  # noqa: S105
FAILED_CHECK: Final = "wsse:FailedCheck"
UNAVAILABLE: Final = "wsse:SecurityTokenUnavailable"
MESSAGE_EXPIRED: Final = "wsse:MessageExpired"

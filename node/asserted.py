"""stub"""
from lxml import etree
from node.soap.message import parse as _p
from node.soap.faults import SoapFault
from node.soap.limits import XmlLimits
from trust.errors import AssertionRefused
def parse(data: bytes) -> etree._Element:
    try:
        return _p(data, limits=XmlLimits(size=65536, nodes=2000))
    except SoapFault as e:
        raise AssertionRefused("wsse:InvalidSecurityToken", str(e)) from None

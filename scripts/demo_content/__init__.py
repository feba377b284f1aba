"""Made-up but realistic documents for the demonstration: CDA R2 and PDF, one patient's story over three institutions.

Everything here is invented. The same documents, byte for byte, come out of every run.
"""

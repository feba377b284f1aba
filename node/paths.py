"""Where each transaction is reached: the column of the table of transactions that short commands need.

Apart from it, because the table itself brings the whole node along (`node.transactions` reads it, a test compares).
"""

from __future__ import annotations

from typing import Final

# By its key in `endpoints --json`.
PATHS: Final = {
    "iti-18": "/iti-18",
    "iti-38": "/iti-38",
    "iti-39": "/iti-39",
    "iti-41": "/iti-41",
    "iti-41-xdr": "/iti-41-xdr",
    "iti-42": "/iti-42",
    "iti-43": "/iti-43",
    "iti-44": "/iti-44",
    "iti-45": "/iti-45",
    "iti-47": "/iti-47",
    "iti-51": "/iti-51",
    "iti-52": "/iti-52",
    "iti-52-gateway": "/iti-52-gateway",
    "iti-53": "/iti-53",
    "iti-54": "/iti-54",
    "iti-55": "/iti-55",
    "iti-56": "/iti-56",
    "iti-57": "/iti-57",
    "iti-61": "/iti-61",
    "iti-62": "/iti-62",
    "iti-86": "/iti-86",
    "iti-92": "/iti-92",
    "iti-92-gateway": "/iti-92-gateway",
}

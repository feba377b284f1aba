"""HL7 v3: persons and the messages about them, elements to values and values to elements."""

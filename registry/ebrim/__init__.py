"""The ebRIM codec: elements and bytes on one side, metadata objects on the other (ITI TF-3: 4.2.3)."""

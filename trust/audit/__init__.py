"""What happened, as values and as DICOM AuditMessage text (ITI TF-2: 3.20)."""

"""XDS metadata: values, objects, rules and the code sets of an affinity domain (ITI TF-3: 4.2)."""

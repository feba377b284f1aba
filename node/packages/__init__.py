"""Documents and their metadata as folders of files that anybody can read: the layout of IHE XDM (ITI TF-2: 3.32)."""

"""Documents of others drawn as a closed set of HTML and as pictures, by a process that is thrown away.

`process` is what the pages call; `worker` is the other end, shut in by `confinement`; everything else is pure.
"""

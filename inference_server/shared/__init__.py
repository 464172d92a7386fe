"""What the plug-in and the server both need: messages, client, keys, paths, preferences, errors.

Standard library only, and pyzmq in `client` and `keys`.  The installer copies this folder whole into GIMP.
"""

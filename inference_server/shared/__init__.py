"""What the plug-in and the server both need: messages, client, keys, paths, preferences, errors.

Standard library only, and pyzmq in `socket_link` and where `keys` makes some.  The installer copies this
folder whole into GIMP.
"""
